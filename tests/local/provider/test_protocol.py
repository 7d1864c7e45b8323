"""The protocol around the resources: configuration, secrets, names, unknown values, and serving on its own."""

import string
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from cli.isolated import isolated_session
from localcloud.provider import AwsProvider, RandomProvider, serve
from localcloud.provider.values import UNKNOWN, decode, encode
from tests.local.provider.driver import Driver, Refused, driven

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
PASSWORD = "random:index/randomPassword:RandomPassword"
SETTLED = {"length": 43, "lower": True, "numeric": True, "special": False, "upper": True}
TOPIC = "aws:sns/topic:Topic"
ROLE = "aws:iam/role:Role"


def _is_secret(struct: struct_pb2.Struct, name: str) -> bool:
    return struct.fields[name].struct_value.fields[SIGNATURE].string_value == SECRET


# --- configuration ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://sts.amazonaws.com",
        "http://sts.amazonaws.com:80",
        "http://10.0.0.1:4566",
        "http://0.0.0.0:4566",
        "http://[::]:4566",
        "http://[::ffff:127.0.0.1]:4566",
        "http://169.254.169.254:80",
        "http://127.0.0.1.example.com:4566",
        "http://localhost.example.com:4566",
        "http://127.0.0.1@example.com:4566",
        "http://user@127.0.0.1:4566",
        "http://2130706433:4566",
        "http://127.0.0.1",
        "http://127.0.0.1:4566/path",
        "http://127.0.0.1:not-a-port",
        "ftp://127.0.0.1:4566",
        "127.0.0.1:4566",
    ],
)
def test_an_address_off_this_machine_is_refused(url: str) -> None:
    """Nothing but a plain http address of the loopback interface is ever talked to."""
    with pytest.raises(grpc.RpcError) as error, driven(AwsProvider(endpoint_url=url), {"region": "eu-central-1"}):
        pass
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "localhost", "[::1]"])
def test_an_address_on_this_machine_is_accepted(host: str) -> None:
    """All of 127.0.0.0/8, ::1 and localhost are this machine."""
    with driven(AwsProvider(endpoint_url=f"http://{host}:4566"), {"region": "eu-central-1"}):
        pass


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "aws:region is not set"),
        ({"region": "eu-central-1", "profile": "work"}, "profile is not understood"),
        ({"region": "eu-central-1", "assumeRoles": [{"roleArn": "r"}]}, "assumeRoles is not understood"),
        ({"region": "eu-central-1", "endpoints": [{"s3": "http://127.0.0.1:1"}]}, "has to name one address"),
        ({"region": "eu-central-1", "endpoints": "nonsense"}, "is not JSON"),
        ({"region": "eu-central-1", "endpoints": '[["s3"]]'}, "list of objects"),
    ],
)
def test_configuration_that_is_not_understood_is_refused(aws: Driver, config: Mapping[str, Any], said: str) -> None:
    """A setting that would be ignored here is an error that names it."""
    with pytest.raises(grpc.RpcError) as error, driven(AwsProvider(endpoint_url=aws.endpoint), config):
        pass
    assert said in str(error.value.details())


def test_everything_can_come_from_configuration(aws: Driver) -> None:
    """The official CLI gives region, endpoints and credentials as configuration, as JSON text or as values."""
    endpoints = [{"s3": aws.endpoint, "iam": f"{aws.endpoint}/"}, {"lambda": aws.endpoint}]
    tags = {"defaultTags": {"tags": {"cost-center": "42"}}}
    flags = {"skipCredentialsValidation": True, "skipMetadataApiCheck": "true", "version": "7.51.1", **tags}
    config = {"region": "us-west-2", "endpoints": endpoints, "accessKey": "test", "secretKey": "test", **flags}
    with driven(AwsProvider(), config) as other:
        assert other.invoke("aws:index/getRegion:getRegion", {})["region"] == "us-west-2"
        assert other.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})["accountId"] == "000000000000"


def test_the_users_own_environment_has_no_part_in_it(aws: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles, proxies, credentials and endpoints of the user change nothing."""
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/no/such/file")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with driven(AwsProvider(endpoint_url=aws.endpoint), {"region": "eu-central-1"}) as other:
        assert other.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})["accountId"] == "000000000000"
    session = isolated_session(region="eu-central-1", access_key="test", secret_key="test")
    assert session._session.get_config_variable("ca_bundle") is None


def test_check_and_diff_of_the_configuration(aws: Driver) -> None:
    """Another region is another provider; an unknown key is refused with its name."""
    answer = aws.raw.CheckConfig(provider_pb2.CheckRequest(news=encode({"region": "eu-central-1", "colour": "red"})))
    assert [failure.property for failure in answer.failures] == ["colour"]
    request = provider_pb2.DiffRequest(olds=encode({"region": "a"}), news=encode({"region": "b"}))
    assert list(aws.raw.DiffConfig(request).replaces) == ["region"]
    request = provider_pb2.DiffRequest(olds=encode({"region": "a"}), news=encode({"region": "a"}))
    assert aws.raw.DiffConfig(request).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_nothing_works_before_the_configuration() -> None:
    """An engine that forgets to configure is told so."""
    server, port = serve(RandomProvider())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            driver = Driver(provider_pb2_grpc.ResourceProviderStub(channel), "")
            with pytest.raises(grpc.RpcError) as error:
                driver.check(PASSWORD, "early", {"length": 1})
    finally:
        server.stop(grace=None).wait()
    assert "was not configured" in str(error.value.details())


def test_what_it_says_of_itself(aws: Driver) -> None:
    """It takes secrets and previews, and has the version of the SDK whose types these are."""
    handshake = aws.raw.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
    assert handshake.accept_secrets
    assert aws.raw.GetPluginInfo(empty_pb2.Empty()).version == "7.51.1"
    assert aws.raw.Cancel(empty_pb2.Empty()) == empty_pb2.Empty()
    assert aws.raw.Attach(plugin_pb2.PluginAttach(address="127.0.0.1:1")) == empty_pb2.Empty()


def test_a_type_that_is_not_there_is_refused_by_name(aws: Driver) -> None:
    """No resource of a type that the program does not use is ever made."""
    with pytest.raises(grpc.RpcError) as error:
        aws.check("aws:ec2/instance:Instance", "vm", {})
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "aws:ec2/instance:Instance" in str(error.value.details())


# --- secrets and unknown values --------------------------------------------------------------------------------------


def _with_secret(**plain: str) -> struct_pb2.Struct:
    return encode(plain, secrets=frozenset({"displayName"}))


def test_what_came_in_secret_goes_out_secret(aws: Driver) -> None:
    """Through check, create, read and update, in inputs and in state."""
    urn = aws.urn(TOPIC, "whisper")
    inputs = _with_secret(name="whisper", displayName="hush")
    checked = aws.raw.Check(provider_pb2.CheckRequest(urn=urn, news=inputs)).inputs
    assert _is_secret(checked, "displayName")
    made = aws.raw.Create(provider_pb2.CreateRequest(urn=urn, properties=checked))
    assert _is_secret(made.properties, "displayName")
    assert decode(made.properties).values["displayName"] == "hush"
    read = aws.raw.Read(provider_pb2.ReadRequest(id=made.id, urn=urn, properties=made.properties, inputs=checked))
    assert _is_secret(read.properties, "displayName")
    assert _is_secret(read.inputs, "displayName")
    news = _with_secret(name="whisper", displayName="quiet")
    updated = aws.raw.Update(provider_pb2.UpdateRequest(id=made.id, urn=urn, olds=made.properties, news=news))
    assert _is_secret(updated.properties, "displayName")


def test_a_secret_inside_marks_its_whole_property(aws: Driver) -> None:
    """A secret deep in a map keeps the map secret: better too much than one too few."""
    urn = aws.urn(TOPIC, "deep")
    inputs = encode({"name": "deep", "tags": {"a": "1"}})
    inner = struct_pb2.Struct()
    inner.fields[SIGNATURE].string_value = SECRET
    inner.fields["value"].string_value = "1"
    inputs.fields["tags"].struct_value.fields["a"].struct_value.CopyFrom(inner)
    made = aws.raw.Create(provider_pb2.CreateRequest(urn=urn, properties=inputs))
    assert _is_secret(made.properties, "tags")


def test_what_is_imported_is_marked(aws: Driver) -> None:
    """A secret of the cloud's is one in the state and in the inputs, though nobody has marked it before."""
    inputs = {"name": "/imported", "type": "SecureString", "value": "a-secret-value"}
    aws.create("aws:ssm/parameter:Parameter", "imported", inputs)
    urn = aws.urn("aws:ssm/parameter:Parameter", "imported")
    found = aws.raw.Read(provider_pb2.ReadRequest(id="/imported", urn=urn))
    assert _is_secret(found.properties, "value")
    assert _is_secret(found.inputs, "value")
    assert json_format.MessageToJson(found).count("a-secret-value") == 2


def test_a_refused_secret_is_not_told(aws: Driver) -> None:
    """A value that does not fit, or a call that the cloud refuses, is named without its content."""
    token, long = "aws:ssm/parameter:Parameter", "a-secret-value" * 400
    with pytest.raises(Refused) as refused:
        aws.check(token, "long", {"name": "/long", "type": "SecureString", "value": long})
    assert "value" in refused.value.failures
    assert "a-secret-value" not in str(refused.value)
    with pytest.raises(grpc.RpcError) as error:
        aws.create(token, "reserved", {"name": "/aws/reserved", "type": "SecureString", "value": "a-secret-value"})
    assert "a-secret-value" not in str(error.value)


def test_an_engine_without_secrets_gets_none() -> None:
    """An engine that does not understand the mark would store it as a value."""
    server, port = serve(RandomProvider())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(provider_pb2.ConfigureRequest(acceptSecrets=False))
            _, state = Driver(stub, "").create(PASSWORD, "plain", SETTLED)
            made = stub.Create(
                provider_pb2.CreateRequest(urn=Driver.urn(PASSWORD, "plain"), properties=encode(SETTLED))
            )
    finally:
        server.stop(grace=None).wait()
    assert len(state["result"]) == 43
    assert made.properties.fields["result"].WhichOneof("kind") == "string_value"


def test_unknown_values_pass_a_preview(aws: Driver) -> None:
    """An input that is not known yet passes every check, stays unknown in the plan, and replaces if it has to."""
    unknown = {"arn": UNKNOWN, "policy": '{"Statement":[]}'}
    policy = "aws:sns/topicPolicy:TopicPolicy"
    assert aws.check(policy, "later", unknown)["arn"] is UNKNOWN
    _, planned = aws.create(policy, "later", unknown, preview=True)
    assert planned["arn"] is UNKNOWN
    answer = aws.diff(policy, "later", "x", {"arn": "arn:aws:sns:x", "policy": '{"Statement":[]}'}, unknown)
    assert list(answer.replaces) == ["arn"]
    assert not answer.deleteBeforeReplace


def test_what_only_the_cloud_can_find_is_not_looked_for_while_unknown(aws: Driver) -> None:
    """Comparing a subscription to a topic that is to be replaced asks the cloud nothing that it cannot answer."""
    inputs = {"topic": "arn:aws:sns:eu-central-1:000000000000:t", "protocol": "email", "endpoint": "a@example.com"}
    answer = aws.diff("aws:sns/topicSubscription:TopicSubscription", "s", "x", inputs, {**inputs, "topic": UNKNOWN})
    assert list(answer.replaces) == ["topic"]


def test_ignored_changes_are_no_difference(aws: Driver) -> None:
    """What the program said to ignore is neither reported nor changed."""
    resource_id, state = aws.create(TOPIC, "ignored", {"name": "ignored", "tags": {"a": "1", "b": "1"}})
    news = aws.check(TOPIC, "ignored", {"name": "ignored", "displayName": "new", "tags": {"a": "2", "b": "1"}})
    request = provider_pb2.DiffRequest(
        id=resource_id,
        urn=aws.urn(TOPIC, "ignored"),
        olds=encode(state),
        news=encode(news),
        ignoreChanges=["tags.a"],
    )
    assert list(aws.raw.Diff(request).detailedDiff) == ["displayName"]


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_resource_without_a_name_gets_one_and_keeps_it(aws: Driver) -> None:
    """As with the official provider: the resource's name with a random end, the same at the next run."""
    checked = aws.check(TOPIC, "unnamed", {})
    assert checked["name"] == "unnamed-0101010"
    resource_id, state = aws.create(TOPIC, "unnamed", {})
    assert resource_id.endswith(":unnamed-0101010")
    assert not aws.diff(TOPIC, "unnamed", resource_id, state, {}).detailedDiff
    assert aws.check(TOPIC, "renamed", {}, state)["name"] == "unnamed-0101010"


def test_a_name_is_never_too_long(aws: Driver) -> None:
    """A long resource name is cut so that its end still fits."""
    checked = aws.check(ROLE, "r" * 200, {"assumeRolePolicy": "{}"})
    assert checked["name"] == "r" * 56 + "-0101010"


def test_the_engine_may_choose_the_name(aws: Driver) -> None:
    """Autonaming that the stack configures is heeded, also where it is switched off."""
    options = provider_pb2.CheckRequest.AutonamingOptions
    request = provider_pb2.CheckRequest(urn=aws.urn(TOPIC, "n"), name="n", autonaming=options(proposed_name="chosen"))
    assert decode(aws.raw.Check(request).inputs).values["name"] == "chosen"
    request = provider_pb2.CheckRequest(
        urn=aws.urn(TOPIC, "n"), name="n", autonaming=options(mode=options.Mode.DISABLE)
    )
    assert [failure.property for failure in aws.raw.Check(request).failures] == ["name"]


def test_a_child_of_a_component_has_its_own_type(aws: Driver) -> None:
    """In a child's URN the type comes after its parents' types."""
    urn = "urn:pulumi:test::agent-audit-log::agent-audit-log:aws:Alarms$aws:sns/topic:Topic::t"
    assert not aws.raw.Check(provider_pb2.CheckRequest(urn=urn, name="t")).failures


# --- random ----------------------------------------------------------------------------------------------------------


def test_a_random_password_is_secret_and_drawn_once(randomness: Driver) -> None:
    """Two draws differ; the state keeps what was drawn, marked secret; the id tells nothing, as the official one's."""
    request = provider_pb2.CreateRequest(
        urn=randomness.urn(PASSWORD, "token"), properties=encode({**SETTLED, "keepers": {"generation": "1"}})
    )
    made, other = randomness.raw.Create(request), randomness.raw.Create(request)
    state = decode(made.properties).values
    assert state["result"] != decode(other.properties).values["result"]
    assert [name for name in made.properties.fields if _is_secret(made.properties, name)] == ["result"]
    assert made.id == "none"
    assert json_format.MessageToJson(made).count(state["result"]) == 1
    found_id, found, _ = randomness.read(PASSWORD, "token", made.id, state, SETTLED)
    assert (found_id, found) == (made.id, state)


@pytest.mark.parametrize(
    ("kinds", "alphabet"),
    [
        ({"special": False}, string.ascii_letters + string.digits),
        ({"special": False, "upper": False, "lower": False}, string.digits),
        ({"special": False, "numeric": False}, string.ascii_letters),
        ({"upper": False, "lower": False, "numeric": False}, "!@#$%&*()-_=+[]{}<>:?"),
        ({}, string.ascii_letters + string.digits + "!@#$%&*()-_=+[]{}<>:?"),
    ],
)
def test_a_random_password_draws_from_its_alphabets(randomness: Driver, kinds: dict[str, bool], alphabet: str) -> None:
    """As many characters as asked, each of those allowed and no other (4,096 draws miss one of 83 once in 10^19)."""
    _, state = randomness.create(PASSWORD, f"drawn-{'-'.join(kinds)}", {"length": 4096, **kinds})
    assert len(state["result"]) == 4096
    assert set(state["result"]) == set(alphabet)


def test_a_random_password_follows_its_inputs(randomness: Driver) -> None:
    """A new generation, length or alphabet draws anew; nothing else does."""
    inputs = {"length": 43, "keepers": {"generation": "1"}}
    resource_id, state = randomness.create(PASSWORD, "kept", inputs)
    assert not randomness.diff(PASSWORD, "kept", resource_id, state, inputs).detailedDiff
    for name, value in (("keepers", {"generation": "2"}), ("length", 16), ("special", False)):
        answer = randomness.diff(PASSWORD, "kept", resource_id, state, {**inputs, name: value})
        assert list(answer.replaces) == [name]


def test_a_random_password_that_nobody_kept_is_gone(randomness: Driver) -> None:
    """Without a state there is nothing to read, and deleting does nothing."""
    assert randomness.read(PASSWORD, "lost", "none", {}, {"length": 43})[0] == ""
    assert randomness.read(PASSWORD, "lost", "", {}, {"length": 43})[0] == ""
    randomness.delete(PASSWORD, "lost", "none", {})


def test_a_random_password_in_a_preview_is_unknown(randomness: Driver) -> None:
    """A preview draws nothing."""
    assert randomness.create(PASSWORD, "planned", {"length": 43}, preview=True)[1]["result"] is UNKNOWN


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"length": 0},
        {"length": 4097},
        {"length": "43"},
        {"length": 43, "seed": "a"},
        {"length": 43, "lower": False, "upper": False, "numeric": False, "special": False},
    ],
)
def test_wrong_inputs_of_a_random_password_are_refused(randomness: Driver, inputs: dict[str, Any]) -> None:
    """Length is needed, a whole number from 1 to 4,096, and so is something to draw from."""
    with pytest.raises(Refused):
        randomness.check(PASSWORD, "wrong", inputs)


# --- on its own ------------------------------------------------------------------------------------------------------


def test_it_serves_the_official_cli(aws: Driver) -> None:
    """As a process of its own it prints its port first, listens on loopback, and answers there."""
    command = [sys.executable, "-m", "localcloud.provider", "aws", "127.0.0.1:1", "--endpoint", aws.endpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                stub.Configure(provider_pb2.ConfigureRequest(args=encode({"region": "eu-central-1"})))
                driver = Driver(stub, aws.endpoint)
                found = driver.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
                assert found["accountId"] == "000000000000"
        finally:
            process.terminate()


def test_it_does_not_serve_an_address_off_this_machine() -> None:
    """The endpoint is checked before anything is served."""
    command = [sys.executable, "-m", "localcloud.provider", "aws", "--endpoint", "https://s3.amazonaws.com"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "http://127.0.0.1:PORT" in done.stderr
