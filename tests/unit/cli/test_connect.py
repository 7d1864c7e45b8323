"""`audit-log connect` prints what can be pasted as it is, and nothing else."""

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from cli.connect_check import FIELDS
from cli.connect_samples import sample
from cli.connect_snippets import (
    EXAMPLE_ENDPOINT,
    EXAMPLE_TOKEN,
    FORMS,
    PLATFORMS,
    SNIPPETS,
    TOKEN_VARIABLE,
    Form,
    Reference,
    Wire,
    fill,
    find_form,
    shown,
)
from cli.exits import CouldNot
from cli.main import main
from localcloud.place import ROOT

ENDPOINT = "https://abc123.lambda-url.eu-central-1.on.aws"
TOKEN = "aal_" + "Zz-_0" * 8 + "abc"
AGENT = "sales\u2011assistant-v1"
Connect = Callable[..., Result]

ids = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.file)


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    """Return a function that runs `audit-log connect` on a stack of two agents."""
    path = tmp_path / "outputs.json"

    def run(*arguments: str, endpoint: str = ENDPOINT, local: bool = False) -> Result:
        document = {**OUTPUTS, "endpoint": endpoint, **({"emulator_url": "http://127.0.0.1:4566"} if local else {})}
        path.write_text(json.dumps(document), encoding="utf-8")
        return CliRunner().invoke(main, ["connect", *arguments, "--outputs", str(path)])

    return run


OUTPUTS = {
    "endpoint": ENDPOINT,
    "tokens": {AGENT: TOKEN, "billing": "aal_" + 43 * "b"},
    "bucket": "agent-audit-log-prod-123456789012-eu-central-1",
    "region": "eu-central-1",
    "account": "123456789012",
    **{
        f"{role}_role_arn": f"arn:aws:iam::123456789012:role/{role}"
        for role in ("writer", "auditor", "retention_admin", "hold_releaser")
    },
    "administrators": ["arn:aws:iam::123456789012:role/admin"],
    "function_name": "agent-audit-log-prod-writer",
    "function_log_group": "/aws/lambda/agent-audit-log-prod-writer",
    "package_sha256": "x",
    "retention": {"mode": "GOVERNANCE", "days": 180},
    "profile": "standard",
    "alarm_topic_arn": "arn:aws:sns:eu-central-1:123456789012:alarms",
    "keys_parameter": "/agent-audit-log/prod/keys",
}


@ids
def test_standard_output_is_the_snippet(connect: Connect, form: Form) -> None:
    """Byte for byte what the file says with both values in their places; what is for people is on the other stream."""
    done = connect(form.platform, form.name)
    assert done.exit_code == 0, done.output
    expected = (SNIPPETS / form.file).read_text(encoding="utf-8").replace("{endpoint}", ENDPOINT)
    assert done.stdout == expected.replace("{token}", TOKEN)
    assert form.into in done.stderr
    assert TOKEN not in done.stderr
    assert all(line.startswith("# ") for line in done.stderr.splitlines())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_platform_alone_is_its_first_form(connect: Connect, platform: str) -> None:
    """The one that most people need."""
    assert connect(platform).stdout == connect(platform, find_form(platform).name).stdout


@ids
def test_without_its_token_a_snippet_reads_a_variable(connect: Connect, form: Form) -> None:
    """Or, where a platform reads none, nothing is printed that would not work."""
    done = connect(form.platform, form.name, "--no-token")
    assert TOKEN not in done.output
    if form.holds_token and not form.takes_reference:
        assert (done.exit_code, done.stdout) == (2, "")
        assert "reads no variable" in done.stderr
    else:
        assert done.exit_code == 0
        assert (TOKEN_VARIABLE in done.stdout) == form.holds_token


@ids
@pytest.mark.parametrize("references", [False, True])
def test_a_snippet_is_sound_in_its_language(form: Form, references: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Each is parsed by what reads it."""
    text = shown(form) if references else fill(form, endpoint=ENDPOINT, token=TOKEN)
    assert "{endpoint}" not in text
    assert "{token}" not in text
    if form.language == "python":
        ast.parse(text)
        assert not references or max(map(len, text.splitlines())) <= 120
    elif form.language == "json":
        json.loads(text)
    elif form.language == "yaml":
        YAML(typ="safe", pure=True).load(text)
    elif form.language == "sh":
        subprocess.run(["bash", "-n"], input=text, text=True, check=True, timeout=20)
        assert shlex.split(text)
    elif form.language == "js":
        command = ["node", "--input-type=module", "--check", "-"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True, timeout=20)


@pytest.mark.parametrize("form", [form for form in FORMS if form.language == "sh" and "export" in form.template])
def test_what_is_exported_can_be_evaluated(connect: Connect, form: Form) -> None:
    """`eval "$(audit-log connect …)"` sets exactly the variables of the snippet, whatever was set before."""
    printed = connect(form.platform, form.name, *(["--no-token"] if form.takes_reference else [])).stdout
    script = f"{printed}\nenv"
    done = subprocess.run(
        ["bash", "-eu"], input=script, env={"AUDIT_LOG_TOKEN": TOKEN, "PATH": "/usr/bin:/bin"}, text=True, check=True,
        capture_output=True, timeout=20,
    )  # fmt: skip
    lines = [line.partition("=") for line in done.stdout.splitlines()]
    found = {name: value for name, _, value in lines}
    wanted = [line.removeprefix("export ").partition("=")[0] for line in form.template.splitlines()]
    assert set(wanted) <= found.keys()
    assert TOKEN in "".join(found[name] for name in wanted)


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ("https://a.example/$(touch x)", TOKEN),
        ("https://a.example/`id`", TOKEN),
        ('https://a.example/"; id; "', TOKEN),
        ("https://a.example/\nid", TOKEN),
        ("https://a.example/", TOKEN),
        ("ftp://a.example", TOKEN),
        (ENDPOINT, "aal_'; id"),
        (ENDPOINT, "aal_\n"),
        (ENDPOINT, ""),
    ],
)
def test_nothing_is_put_in_that_could_end_a_word(endpoint: str, token: str) -> None:
    """An outputs file that somebody else wrote must not become a command."""
    for form in FORMS:
        with pytest.raises(CouldNot, match="nothing is printed that could be pasted"):
            fill(form, endpoint=endpoint, token=token)


def test_another_agents_token(connect: Connect) -> None:
    """Whichever hyphens were typed; an unknown name is told which there are."""
    assert "aal_" + 43 * "b" in connect("claude", "--agent", "billing").stdout
    assert TOKEN in connect("claude", "--agent", "sales-assistant-v1").stdout
    wrong = connect("claude", "--agent", "nobody")
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert "billing" in wrong.stderr


def test_what_there_is(connect: Connect) -> None:
    """Without a platform every form is listed; an unknown one is told which there are."""
    done = CliRunner().invoke(main, ["connect"])
    assert done.exit_code == 0
    assert [line.partition("  ")[0] for line in done.stdout.splitlines()] == [
        f".venv/bin/{form.command}" for form in FORMS
    ]
    listed = json.loads(CliRunner().invoke(main, ["connect", "--json"]).stdout)
    assert len(listed["forms"]) == len(FORMS)
    for arguments, says in ((("gemini",), ", ".join(PLATFORMS)), (("claude", "x"), "env, settings, sdk, platform")):
        wrong = connect(*arguments)
        assert (wrong.exit_code, wrong.stdout) == (2, "")
        assert says in wrong.stderr


def test_hosted_agents_are_told_that_they_cannot_reach_this_machine(connect: Connect) -> None:
    """And what to do; on a real cloud there is nothing to say."""
    for platform, form in (("replit", "js"), ("claude", "platform")):
        assert "pulumi up" in connect(platform, form, endpoint="http://127.0.0.1:4566/x", local=True).stderr
        assert "pulumi up" not in connect(platform, form).stderr
    assert "pulumi up" not in connect("claude", endpoint="http://127.0.0.1:4566/x", local=True).stderr
    document = json.loads(connect("replit", "--json", endpoint="http://127.0.0.1:4566/x", local=True).stdout)
    assert document["reachable"] is False


@ids
def test_json_says_the_same(connect: Connect, form: Form) -> None:
    """For programs, with the token in the snippet alone."""
    document = json.loads(connect(form.platform, form.name, "--json").stdout)
    assert document.pop("snippet") == connect(form.platform, form.name).stdout
    assert TOKEN not in json.dumps(document)
    assert (document["platform"], document["form"], document["agent"]) == (form.platform, form.name, AGENT)
    assert document["holds_token"] == form.holds_token


def test_every_file_is_a_form() -> None:
    """No snippet lies there unused, and none is missing."""
    assert {path.name for path in SNIPPETS.iterdir()} == {form.file for form in FORMS}


@ids
def test_no_snippet_brings_an_id_of_its_own(form: Form) -> None:
    """Everybody pastes a snippet: an id in it would join all their calls into one workflow."""
    given = re.compile(r"(?:user|correlation|session|trace)(?:_?id)?[\"']?\s?[(:=]\s*[\"']", re.IGNORECASE)
    assert not given.search(form.template)


def test_the_examples_look_like_the_real_thing() -> None:
    """What the page shows where a platform reads no variables passes for an endpoint and a token."""
    for form in FORMS:
        assert fill(form, endpoint=EXAMPLE_ENDPOINT, token=EXAMPLE_TOKEN)
    reference = Reference(variable=TOKEN_VARIABLE)
    assert fill(find_form("claude"), endpoint=EXAMPLE_ENDPOINT, token=reference).endswith(f' ${TOKEN_VARIABLE}"\n')


def _names(value: object, path: str = "") -> Iterator[str]:
    """Yield where each value of a JSON document stands: members by name, an OTLP attribute by its key."""
    if isinstance(value, dict):
        if "key" in value and "value" in value:
            yield f"{path}/{value['key']}"
            return
        for name, inner in value.items():
            yield from _names(inner, f"{path}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner, path)
    else:
        yield path


@pytest.mark.parametrize(
    ("wire", "captures", "ours"),
    [
        (Wire.OPENAI_TRACES, ["openai_agents_chat.json"], set()),
        (Wire.LITELLM, ["litellm_array.json"], set()),
        (Wire.CLAUDE_EVENTS, ["claude_json.json"], {"deployment.environment"}),
    ],
)
def test_a_sample_has_the_shape_of_what_was_captured(wire: Wire, captures: list[str], ours: set[str]) -> None:
    """Each name in it stands at the same place in what the real program sent."""
    found: set[str] = set()
    for name in captures:
        document = json.loads((ROOT / "tests" / "sdks" / "wire" / name).read_text(encoding="utf-8"))
        for request in document["requests"]:
            assert request["path"] == sample(wire).path
            found |= set(_names(request["json"]))
    made = set(_names(json.loads(sample(wire).body)))
    assert {name for name in made if name.rpartition("/")[2] not in ours} <= found


@pytest.mark.parametrize("wire", Wire)
def test_a_sample_is_new_each_time(wire: Wire) -> None:
    """Its secret belongs to nobody, and it has what its record is found by."""
    first, second = sample(wire), sample(wire)
    for one, other in ((first, second), (second, first)):
        for value in (one.secret, one.content, one.run):
            assert value.encode() not in other.body
    assert set(first.sent).isdisjoint(first.absent)
    assert {"agent_id", *first.sent, *first.absent} == set(FIELDS)
