"""What a stack's configuration may say, and how it is refused."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from localcloud.place import ROOT
from policies.retention import PROFILES, Mode, RetentionError
from stacks.names import PROJECT
from stacks.settings import DEFAULTS, RAW_VAULT, Agent, Rotation, SettingError, Settings, parse


def _parse(**own: object) -> Settings:
    config = {f"{PROJECT}:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in own.items()}
    return parse({"aws:region": "eu-central-1", **config})


def _declared() -> dict[str, Any]:
    return YAML(typ="safe").load((ROOT / "Pulumi.yaml").read_text("utf-8"))


def test_every_setting_is_declared_with_type_default_and_a_sentence() -> None:
    """Pulumi.yaml and the parser know the same settings and the same defaults."""
    declared = _declared()["config"]
    assert {
        key: tuple(item["default"]) if item["type"] == "array" else item["default"] for key, item in declared.items()
    } == dict(DEFAULTS)
    types = {str: "string", int: "integer", tuple: "array"}
    for key, item in declared.items():
        assert item["type"] == types[type(DEFAULTS[key])], key
        assert item["description"].endswith("."), key
        assert item.get("items") == ({"type": "string"} if item["type"] == "array" else None), key


def test_the_project_is_what_the_cli_expects() -> None:
    """Name, runtime, program and stack files are where `pulumi up` looks."""
    declared = _declared()
    assert declared["name"] == PROJECT
    assert declared["runtime"] == {"name": "python", "options": {"virtualenv": ".venv"}}
    assert (declared["main"], declared["stackConfigDir"]) == ("stacks", "stacks")
    assert declared["options"] == {"refresh": "always"}, "what was changed by hand would stay"
    assert (ROOT / "stacks" / "__main__.py").is_file()


def test_without_a_setting_the_defaults_hold() -> None:
    """A region is all that must be said."""
    settings = _parse()
    assert settings.profile.name == "standard"
    assert (settings.retention.mode, settings.retention.days) == (Mode.GOVERNANCE, 184)
    assert settings.agents == (Agent(name="my-agent"),)
    assert settings.administrators == ()
    assert settings.function_target == "aws"


def test_the_defaults_spelled_out_are_the_defaults() -> None:
    """The CLI writes declared defaults into the configuration that it hands over."""
    assert (
        _parse(**{key: list(value) if isinstance(value, tuple) else value for key, value in DEFAULTS.items()})
        == _parse()
    )


def test_the_local_stack_is_sound() -> None:
    """The committed stack of `make up`: the guide's own agent, a day's lock, this machine's package."""
    loaded = YAML(typ="safe").load((ROOT / "stacks" / "Pulumi.local.yaml").read_text("utf-8"))["config"]
    settings = parse({key: value if isinstance(value, str) else json.dumps(value) for key, value in loaded.items()})
    assert settings.profile.name == "trial"
    assert settings.function_target == "local"
    assert [agent.name for agent in settings.agents] == ["sales\u2011assistant-v1"]


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"retention": "90"}, "retention: is not a setting; did you mean retentionDays?"),
        ({"Profile": "trial"}, "Profile: is not a setting"),
        ({"cloud": "azure"}, "cloud: must be one of aws, got 'azure'"),
        (
            {"profile": "strict"},
            "profile: must be one of trial, custom, standard, ai-act, pci, hipaa, regulated, got 'strict'",
        ),
        ({"agents": "my-agent"}, "agents: must be a list of strings, got 'my-agent'"),
        ({"agents": [1]}, "agents: must be a list of strings"),
        ({"agents": {"a": 1}}, "agents: must be a list of strings"),
        ({"agents": []}, "agents: must name 1 to 200 agents, got 0"),
        ({"agents": [f"a{n}" for n in range(201)]}, "agents: must name 1 to 200 agents, got 201"),
        ({"agents": ["a", "b", "a"]}, "agents: must not name anything twice, got 'a'"),
        (
            {"agents": ["a-b", "a\u2011b"]},
            "agents: must differ in more than the kind of hyphen, got 'a-b'",
        ),
        ({"agents": [""]}, "agents: a name has 1 to 64 letters"),
        ({"agents": ["a" * 65]}, "agents: a name has 1 to 64 letters"),
        ({"agents": ["a b"]}, "agents: a name has 1 to 64 letters"),
        ({"agents": ["../a"]}, "agents: a name has 1 to 64 letters"),
        ({"agents": ["a\n"]}, "agents: a name has 1 to 64 letters"),
        ({"domainOnlyAgents": ["other"]}, "domainOnlyAgents: must be among the agents (my-agent), got 'other'"),
        ({"endpointDetail": "full"}, "endpointDetail: must be one of path, domain, got 'full'"),
        ({"tokens": ["my-agent"]}, "tokens: must be '<agent> <generation from 1 on>"),
        ({"tokens": ["my-agent 0"]}, "tokens: must be '<agent> <generation from 1 on>"),
        ({"tokens": ["my-agent two"]}, "tokens: must be '<agent> <generation from 1 on>"),
        ({"tokens": ["my-agent 2 tomorrow"]}, "tokens: must be '<agent> <generation from 1 on>"),
        ({"tokens": ["my-agent 2 2026-12-01T00:00:00"]}, "with a zone"),
        ({"tokens": ["my-agent 2", "my-agent 3"]}, "tokens: must name each agent once"),
        ({"administrators": ["boss"]}, "administrators: must be ARNs of IAM roles or users, got 'boss'"),
        ({"auditors": ["arn:aws:iam::123456789012:role/*"]}, "auditors: must be ARNs"),
        ({"holdReleasers": ["arn:aws:sts::123456789012:assumed-role/a/b"]}, "holdReleasers: must be ARNs"),
        ({"retentionAdmins": ["arn:aws:iam::1:role/a"]}, "retentionAdmins: must be ARNs"),
        ({"alarmEmail": "nobody"}, "alarmEmail: must be one e-mail address, got 'nobody'"),
        ({"alarmEmail": "a@example.com, b@example.com"}, "alarmEmail: must be one e-mail address"),
        ({"accessTrail": "none"}, "accessTrail: must be one of own, existing, got 'none'"),
        ({"reservedConcurrency": "-1"}, "reservedConcurrency: must be a whole number from 0 to 10000, got '-1'"),
        ({"reservedConcurrency": "1.5"}, "reservedConcurrency: must be a whole number"),
        ({"functionLogDays": "0"}, "functionLogDays: must be a whole number from 1 to 3653, got '0'"),
        ({"functionLogDays": "91"}, "functionLogDays: must be one of 1, 3, 5, "),
        ({"personalData": "hash"}, "personalData: must be one of mask, hmac, off, got 'hash'"),
        ({"envelope": "on"}, "envelope: must be one of off, masked, raw, got 'on'"),
        ({"envelope": "raw"}, "acknowledgeRawVault: must be 'secrets will lie in the vault for up to 48 hours' for"),
        ({"envelope": "raw", "acknowledgeRawVault": "yes"}, "and is for nothing else, got 'yes'"),
        ({"envelope": "masked", "acknowledgeRawVault": RAW_VAULT}, "acknowledgeRawVault: must be"),
        ({"acknowledgeRawVault": RAW_VAULT}, "acknowledgeRawVault: must be"),
        ({"envelope": "masked", "accessTrail": "existing"}, "accessTrail: must be own where there is a vault"),
        ({"vaultReaders": ["me"]}, "vaultReaders: must be ARNs of IAM roles or users, got 'me'"),
        ({"digest": "md5"}, "digest: must be one of sha256, hmac-sha256, got 'md5'"),
        ({"digestKeyGeneration": "0"}, "digestKeyGeneration: must be a whole number from 1 to 30, got '0'"),
        ({"pseudonymKeyGeneration": "31"}, "pseudonymKeyGeneration: must be a whole number from 1 to 30, got '31'"),
        ({"maskRules": ["key a", "pattern all .*"]}, "maskRules: custom rule 'all': matches the empty text"),
        ({"maskRules": ["pattern p (?<=x)y"]}, "maskRules: custom rule 'p': the engine refuses the pattern"),
        ({"maskRules": ["secret"]}, "maskRules: must be 'key <name>', 'pattern <rule id> <pattern>' or 'allow"),
        ({"permissionsBoundary": "bound"}, "permissionsBoundary: must be the ARN of an IAM policy, got 'bound'"),
        ({"permissionsBoundary": "arn:aws:iam::123456789012:role/a"}, "permissionsBoundary: must be the ARN"),
        ({"permissionsBoundary": "arn:aws:iam::123456789012:policy/*"}, "permissionsBoundary: must be the ARN"),
        (
            {"rolePath": ""},
            "rolePath: must begin and end with a slash, such as /audit/, and have at most 512 characters",
        ),
        ({"rolePath": "audit"}, "rolePath: must begin and end with a slash"),
        ({"rolePath": "/audit"}, "rolePath: must begin and end with a slash"),
        ({"rolePath": "//"}, "rolePath: must begin and end with a slash"),
        ({"rolePath": "/a*/"}, "rolePath: must begin and end with a slash"),
        ({"rolePath": f"/{'a' * 511}/"}, "rolePath: must begin and end with a slash"),
        ({"functionTarget": "arm"}, "functionTarget: must be one of aws, local, got 'arm'"),
    ],
)
def test_what_is_wrong_is_refused_with_field_rule_and_what_was_given(own: dict[str, object], says: str) -> None:
    """One line that tells what to mend."""
    with pytest.raises(SettingError) as error:
        _parse(**own)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", ["ten", "1.5", "", "1e3", " 7"])
def test_a_retention_that_is_no_number_is_refused(given: str) -> None:
    """Days are whole."""
    with pytest.raises(RetentionError, match="retentionDays: must be a whole number, got"):
        _parse(retentionDays=given)


@pytest.mark.parametrize("days", ["-1", "36501", "999999999"])
def test_a_retention_out_of_range_is_refused(days: str) -> None:
    """With the range that S3 has."""
    with pytest.raises(RetentionError, match=r"retentionDays: must be a whole number from 1 to 36500, got -?\d+"):
        _parse(retentionDays=days)


@pytest.mark.parametrize("region", ["", "mars", "EU-central-1", "eu-central-1\n", "us_east_1"])
def test_a_region_that_is_none_is_refused(region: str) -> None:
    """It must be said, and look like one."""
    with pytest.raises(SettingError, match="aws:region: must be an AWS region such as eu-central-1, got "):
        parse({"aws:region": region})


@pytest.mark.parametrize(
    "region", ["us-east-1", "eu-central-1", "ap-southeast-1", "mx-central-1", "me-south-1", "eusc-de-east-1"]
)
def test_every_kind_of_region_is_taken(region: str) -> None:
    """Old and new ones, and the one for Europe alone."""
    assert parse({"aws:region": region}).region == region


@pytest.mark.parametrize(
    "region",
    [
        *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
        *("ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1"),
        *("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"),
    ],
)
def test_a_region_without_function_urls_is_refused(region: str) -> None:
    """Agents could not post there."""
    with pytest.raises(SettingError, match=f"aws:region: must be a region in which .* function URLs.*got '{region}'"):
        parse({"aws:region": region})


@pytest.mark.parametrize("own", [
    {"permissionsBoundary": "arn:aws:iam::123456789012:policy/team/bound", "rolePath": "/team/audit/"},
    {"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess", "rolePath": "/"},
])  # fmt: skip
def test_what_organisations_ask_of_roles_is_taken(own: dict[str, object]) -> None:
    """A boundary of their own or of AWS, and any path that IAM takes."""
    settings = _parse(**own)
    assert (settings.permissions_boundary, settings.role_path) == tuple(own.values())


def test_tags_for_everything_are_the_providers_own_setting() -> None:
    """`aws:defaultTags` reaches the provider as it is."""
    parse({"aws:region": "eu-central-1", "aws:defaultTags": '{"tags":{"cost-center":"42"}}'})


def test_what_applies_to_one_agent_applies_to_it_alone() -> None:
    """Its endpoints' detail and its token's generation."""
    settings = _parse(agents=["a", "b"], domainOnlyAgents=["b"], tokens=["a 3 2026-12-01T10:00:00+02:00"])
    until = datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert settings.agents == (
        Agent(name="a", endpoint_detail="path", generation=3, previous_until=until),
        Agent(name="b", endpoint_detail="domain"),
    )


def test_a_raw_vault_takes_its_very_words() -> None:
    """Nobody keeps secrets by a slip of the pen."""
    assert _parse(envelope="raw", acknowledgeRawVault=RAW_VAULT).envelope == "raw"
    assert _parse(envelope="masked").envelope == "masked"
    assert _parse().envelope == "off"


def test_one_detail_for_all() -> None:
    """`endpointDetail: domain` is every agent's."""
    assert {agent.endpoint_detail for agent in _parse(agents=["a", "b"], endpointDetail="domain").agents} == {"domain"}


def test_a_rotation_may_outlive_its_agent() -> None:
    """Taking a name out of `agents` is all that revoking its token takes."""
    assert [agent.name for agent in _parse(agents=["a"], tokens=["gone 4"]).agents] == ["a"]


@given(
    agent=st.from_regex("[A-Za-z0-9._\u2010\u2011-]{1,64}", fullmatch=True),
    generation=st.integers(1, 999_999),
    until=st.none() | st.datetimes(datetime(2026, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - given a zone below
)
def test_a_rotation_reads_as_it_was_written(agent: str, generation: int, until: datetime | None) -> None:
    """Whole seconds, in UTC."""
    moment = None if until is None else until.replace(microsecond=0, tzinfo=UTC)
    rotation = Rotation(agent=agent, generation=generation, previous_until=moment)
    assert Rotation.parse(rotation.format()) == rotation


@given(text=st.text(max_size=200))
def test_any_text_for_a_setting_is_taken_or_refused(text: str) -> None:
    """Nothing that is configured ends in a traceback."""
    for key in DEFAULTS:
        with contextlib.suppress(SettingError, RetentionError):
            _parse(**{key: text})


def test_the_page_on_settings_has_every_setting_and_profile() -> None:
    """Show the default and description of each, as Pulumi.yaml declares them, and each profile."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8").splitlines()
    for key, item in _declared()["config"].items():
        value = item["default"]
        text = ", ".join(value) if isinstance(value, list) else str(value)
        notes = ", ".join(["list"] * (item["type"] == "array") + [f"default `{text}`"] * bool(text))
        assert f"- `{key}`{f' ({notes})' if notes else ''}: {item['description']}" in page
    for profile in PROFILES.values():
        days = f"{profile.minimum.days} day{'s' if profile.minimum.days > 1 else ''}"
        row = f"| `{profile.name}` | {profile.minimum.mode.lower()} | {days} | {profile.extension_limit_days} days |"
        assert f"{row} {profile.reason} | {profile.source} |" in page
        assert profile.protect == (profile.name != "trial")
