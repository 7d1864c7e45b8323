"""A deployment is reached where it is, by whom it should be, and never through a leak."""

import json
import os
import socket
import stat
import time
from pathlib import Path

import pytest

from cli.check import run_controls
from cli.connection import Connection, Deployment, is_same_principal, load_deployment
from cli.exits import CouldNot
from policies.place import Principal

OUTPUTS: dict[str, object] = {
    "endpoint": "https://abc.lambda-url.eu-central-1.on.aws/",
    "tokens": {"my-agent": "aal_secret-token-value"},
    "bucket": "agent-audit-log-prod-123456789012-eu-central-1",
    "region": "eu-central-1",
    "account": "123456789012",
    "writer_role_arn": "arn:aws:iam::123456789012:role/w",
    "auditor_role_arn": "arn:aws:iam::123456789012:role/a",
    "retention_admin_role_arn": "arn:aws:iam::123456789012:role/r",
    "hold_releaser_role_arn": "arn:aws:iam::123456789012:role/h",
    "administrators": ["arn:aws:iam::123456789012:role/deployer"],
    "function_name": "agent-audit-log-prod-writer",
    "function_log_group": "/aws/lambda/agent-audit-log-prod-writer",
    "alarm_topic_arn": "arn:aws:sns:eu-central-1:123456789012:agent-audit-log-prod-alarms",
    "keys_parameter": "/agent-audit-log/prod/keys",
    "package_sha256": "c2hh",
    "retention": {"mode": "GOVERNANCE", "days": 180},
    "profile": "standard",
}
LOCAL = {**OUTPUTS, "endpoint": "http://127.0.0.1:4566/_aws/lambda-url/abc", "emulator_url": "http://127.0.0.1:4566"}


def test_outputs_of_a_cloud_and_of_this_machine_are_read() -> None:
    """The endpoint loses its last slash; only outputs with an emulator are local."""
    cloud, local = Deployment.from_outputs(OUTPUTS), Deployment.from_outputs(LOCAL)
    assert cloud.endpoint == "https://abc.lambda-url.eu-central-1.on.aws"
    assert (cloud.is_local, local.is_local) == (False, True)
    assert cloud.first_agent == "my-agent"


@pytest.mark.parametrize("path", ["/", "/audit/", "/team/audit/"])
def test_the_roles_path_is_read_from_their_arns(path: str) -> None:
    """The checklist compares the policies with those of the roles under that path."""
    arns = {key: f"arn:aws:iam::123456789012:role{path}{key}" for key in OUTPUTS if key.endswith("_role_arn")}
    arns["sealer_role_arn"] = f"arn:aws:iam::123456789012:role{path}sealer"
    place = Deployment.from_outputs({**OUTPUTS, **arns, "sealer_function_name": "f", "sealer_function_log_group": "g",
                                     "sealer_package_sha256": "c2hh", "seal_queue_url": "q"}).place  # fmt: skip
    assert place.role_path == path
    assert place.role_arn(Principal.SEALER) == arns["sealer_role_arn"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint", "https://["),
        ("endpoint", "https://a.example\\@b.example"),
        ("endpoint", "https://a.example#@b.example"),
        ("endpoint", "https://user@a.example"),
        ("endpoint", "https://a.example/\x1b[2J"),
        ("endpoint", "http://a.example"),
        ("bucket", "\x1b]0;x\x07"),
        ("region", "\u202eeu"),
        ("tokens", {"a\nb": "aal_x"}),
        ("tokens", {"a": "aal_x\r"}),
        ("administrators", ["\x1b[1m"]),
        ("auditor_role_arn", "x"),
        ("writer_role_arn", "arn:aws:iam::123456789012:user/x"),
    ],
)
def test_dangerous_outputs_are_refused(name: str, value: object) -> None:
    """Control characters, ambiguous URLs and ARNs of no role are refused; the error names the output, not the value."""
    with pytest.raises(CouldNot) as caught:
        Deployment.from_outputs({**OUTPUTS, name: value})
    assert str(caught.value).startswith(f"stack output {name}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "url",
    [
        "http://[",
        "http://evil.example\\@127.0.0.1",
        "http://127.0.0.1\\@evil.example",
        "http://127.0.0.1#@evil.example",
        "http://127.0.0.1?@evil.example",
        "ftp://127.0.0.1",
        "http://127.0.0.1.evil.example",
    ],
)
@pytest.mark.parametrize("name", ["endpoint", "emulator_url"])
def test_ambiguous_urls_of_an_emulator_are_refused(name: str, url: str) -> None:
    """Test credentials and tokens are sent to this machine alone."""
    with pytest.raises(CouldNot, match=f"stack output {name}: "):
        Deployment.from_outputs({**LOCAL, name: url})


def test_agents_that_are_not_names() -> None:
    """Such entries do not affect the order."""
    found = Deployment.from_outputs({**OUTPUTS, "tokens": {"a": "aal_a"}, "agents": [["a"], {}, None, "a"]})
    assert found.first_agent == "a"


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "9" * 10_000, ""])
def test_an_outputs_file_that_is_not_json(tmp_path: Path, text: str) -> None:
    """The message names the file, however deep or long the text is."""
    (tmp_path / "outputs.json").write_text(text)
    with pytest.raises(CouldNot, match=r"outputs\.json: not readable as JSON"):
        load_deployment(outputs=tmp_path / "outputs.json", stack=None)


def test_the_default_agent_is_the_stacks_first() -> None:
    """Pulumi sorts a map of outputs by name, so the order comes from `agents`."""
    outputs = {**OUTPUTS, "tokens": {"a": "aal_a", "b": "aal_b", "c": "aal_c"}, "agents": ["b", "c", "a"]}
    found = Deployment.from_outputs(outputs)
    assert found.first_agent == "b"
    assert list(found.tokens) == ["b", "c", "a"]


def test_a_local_cloud_that_is_gone_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error does not blame credentials, and no control waits for a time-out."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    gone = Deployment.from_outputs({**LOCAL, "endpoint": url, "emulator_url": url})
    begun = time.monotonic()
    with pytest.raises(CouldNot, match=rf"^the local cloud at {url} does not answer \(ConnectError\); start it with"):
        list(run_controls(gone))
    with pytest.raises(CouldNot, match="does not answer"), Connection(gone):
        pass
    assert time.monotonic() - begun < 5
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(CouldNot, match=r"^AWS does not answer \(EndpointConnectionError\); check your network"):
        list(run_controls(Deployment.from_outputs(OUTPUTS)))


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_a_missing_output_is_named(name: str) -> None:
    """The message says which output, and holds no token."""
    with pytest.raises(CouldNot) as refused:
        Deployment.from_outputs({key: value for key, value in OUTPUTS.items() if key != name})
    assert name in refused.value.message
    assert "aal_" not in refused.value.message


@pytest.mark.parametrize(
    "url",
    ["http://192.168.0.7:4566", "http://example.com", "http://127.0.0.1.example.com", "http://localhost.evil", "", 5],
)
def test_an_emulator_elsewhere_is_refused(url: object) -> None:
    """Its test credentials and everything sent would go to another machine."""
    with pytest.raises(CouldNot, match="loopback"):
        Deployment.from_outputs({**LOCAL, "emulator_url": url})


def test_an_emulator_with_an_endpoint_elsewhere_is_refused() -> None:
    """Half of a stack cannot be local."""
    with pytest.raises(CouldNot, match="endpoint"):
        Deployment.from_outputs({**LOCAL, "endpoint": "https://example.com"})


def test_a_cloud_without_tls_is_refused() -> None:
    """A token is never sent in the clear."""
    with pytest.raises(CouldNot, match="https"):
        Deployment.from_outputs({**OUTPUTS, "endpoint": "http://example.com"})


@pytest.mark.parametrize("retention", [None, {}, {"mode": "NONE", "days": 1}, {"mode": "GOVERNANCE", "days": True}])
def test_a_retention_that_is_none_is_refused(retention: object) -> None:
    """The checklist compares with it, so it must be one."""
    with pytest.raises(CouldNot, match="retention"):
        Deployment.from_outputs({**OUTPUTS, "retention": retention})


def test_tokens_are_in_no_representation() -> None:
    """Neither a traceback nor a debugger's print shows one."""
    assert "aal_" not in repr(Deployment.from_outputs(OUTPUTS))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"{}"])
def test_a_file_that_holds_no_outputs_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Whatever the file is, the message is about it."""
    path = tmp_path / "outputs.json"
    path.write_bytes(content)
    with pytest.raises(CouldNot):
        load_deployment(outputs=path, stack=None)


def test_an_outputs_file_and_a_stack_exclude_each_other(tmp_path: Path) -> None:
    """Which one would count could only be guessed."""
    with pytest.raises(CouldNot, match="--outputs"):
        load_deployment(outputs=tmp_path / "outputs.json", stack="prod")


def _pulumi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "pulumi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_stack_is_read_with_the_pulumi_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are asked for, and nothing is prompted for."""
    (tmp_path / "outputs.json").write_text(json.dumps(OUTPUTS), encoding="utf-8")
    _pulumi(tmp_path, f'echo "$@" > {tmp_path}/args; cat {tmp_path}/outputs.json', monkeypatch)
    assert load_deployment(outputs=None, stack="prod").bucket == OUTPUTS["bucket"]
    arguments = (tmp_path / "args").read_text(encoding="utf-8").split()
    assert {"--show-secrets", "--non-interactive", "prod"} <= set(arguments)


@pytest.mark.parametrize("script", ["echo '{}'", "echo no json", "echo aal_leak; echo no such stack >&2; exit 255"])
def test_a_stack_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Pulumi's own reason is told; what it printed as outputs never is."""
    _pulumi(tmp_path, script, monkeypatch)
    with pytest.raises(CouldNot, match="--stack prod") as refused:
        load_deployment(outputs=None, stack="prod")
    assert "aal_" not in refused.value.message


def test_a_machine_without_pulumi_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outputs can come from elsewhere."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CouldNot, match="--outputs"):
        load_deployment(outputs=None, stack="prod")


@pytest.mark.parametrize(
    ("caller", "arn", "is_same"),
    [
        ("arn:aws:sts::1:assumed-role/deployer/me", "arn:aws:iam::1:role/deployer", True),
        (
            "arn:aws:sts::1:assumed-role/AWSReservedSSO_A/me",
            "arn:aws:iam::1:role/aws-reserved/sso/AWSReservedSSO_A",
            True,
        ),
        ("arn:aws:iam::1:user/me", "arn:aws:iam::1:user/me", True),
        ("arn:aws:sts::1:assumed-role/deployer/me", "arn:aws:iam::2:role/deployer", False),
        ("arn:aws:sts::1:assumed-role/deployer/me", "arn:aws:iam::1:role/deployer2", False),
        ("arn:aws:sts::1:assumed-role/me/deployer", "arn:aws:iam::1:role/deployer", False),
        ("arn:aws:iam::1:user/deployer", "arn:aws:iam::1:role/deployer", False),
    ],
)
def test_a_session_is_known_by_its_role(caller: str, arn: str, *, is_same: bool) -> None:
    """Who has taken on an administrator's role, whatever its path, is that administrator, and nobody else is."""
    assert is_same_principal(caller, arn) is is_same
