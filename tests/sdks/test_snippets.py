"""Every snippet runs with the real SDK, exactly as `audit-log connect` prints it and as docs/agents.md shows it."""

import re
import shutil
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from localcloud.dependencies import ROOT
from tests import snippets
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import Python
from tests.sdks.kits import CLAUDE, LITELLM, OPENAI, OTEL, Kit
from tests.sdks.running import Ended, run
from tests.sdks.scenarios import CLAUDE_BUNDLED
from tests.sdks.stubs import Answer, Behaviour, Server

Get = Callable[..., str]
NODE = shutil.which("node")
TO_STUB = """\
const [real, stub] = ["https://api.stripe.com", process.env.STUB];
const fetch = globalThis.fetch;
globalThis.fetch = (url, options) => fetch(String(url).replace(real, stub), options);
"""
"""Where a snippet calls somebody else's API, the test answers in its place."""


@pytest.fixture
def get() -> Get:
    """Return the snippet as the page shows it; what is printed differs by the values in it alone."""
    return snippets.documented


class Person:
    """Somebody with an empty home, who pastes."""

    def __init__(self, backend: Backend, env: Mapping[str, str], get: Get, python_of: Python) -> None:
        self.backend = backend
        self.home = Path(env["HOME"])
        self._env = env
        self._get = get
        self._python_of = python_of

    def text(self, platform: str, form: str | None = None) -> str:
        """The snippet."""
        return self._get(platform, form, endpoint=self.backend.url, token=self.backend.token)

    def python(self, kit: Kit) -> Path:
        """The interpreter that has the kit's packages."""
        return self._python_of(kit)

    def runs(self, command: list[str | Path], **more: str) -> Ended:
        """Run a command at home, with what a reader of the page has in the environment; it must succeed."""
        variables = snippets.variables(endpoint=self.backend.url, token=self.backend.token)
        ended = run(command, env={**self._env, **variables, **more}, cwd=self.home)
        assert ended.code == 0, ended.err[-3000:]
        return ended

    def writes(self, name: str, text: str) -> Path:
        """Put a file into the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def person(backend: Backend, tmp_path: Path, get: Get, python_of: Python) -> Person:
    """Return who pastes; each test is run for each way of getting the snippet."""
    env = scenarios.place(Path(sys.executable), backend, tmp_path / "home").env
    return Person(backend, env, get, python_of)


def _openai(server: Server) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": models.MODEL_KEY}


def _claude(server: Server) -> dict[str, str]:
    return {
        "ANTHROPIC_BASE_URL": server.url,
        "ANTHROPIC_API_KEY": models.ANTHROPIC_KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _saying(text: str = models.REPLY) -> Behaviour:
    return models.openai([models.say(text)])


def test_openai_client(person: Person) -> None:
    """One call by the client is one record with every field of the guide."""
    with Server(_saying()) as model:
        ended = person.runs([person.python(OPENAI), person.writes("agent.py", person.text("openai"))], **_openai(model))
    assert ended.out.strip() == models.REPLY
    (record,) = person.backend.wait_for(1)
    assert record["outcome"] == "success"
    assert uuid.UUID(record["correlation_id"])
    assert (record["method"], record["status"], record["source"]) == ("POST", 200, "native")
    assert record["endpoint"].endswith("/v1/responses")
    assert record["request_hash"]
    assert record["response_hash"]
    person.backend.assert_clean()


def test_openai_client_from_the_environment(person: Person) -> None:
    """Two variables are all that the client needs."""
    program = 'log = AuditLog()\nlog.record(endpoint="a.example/x", method="GET", status=200)\n'
    person.writes("agent.py", f"from audit_log_client import AuditLog\n{program}")
    script = f"{person.text('openai', 'env')}\n{person.python(OPENAI)} agent.py"
    person.runs(["bash", "-euc", script])
    (record,) = person.backend.wait_for(1)
    assert (record["endpoint"], record["status"]) == ("a.example/x", 200)


def test_openai_agents(person: Person) -> None:
    """A run is a trace: its model call is a record, tied to the others, and nothing that was said is in any."""
    with Server(_saying()) as model:
        ended = person.runs(
            [person.python(OPENAI), person.writes("agent.py", person.text("openai", "agents"))], **_openai(model)
        )
    assert ended.out.strip() == models.REPLY
    records = person.backend.wait_for(3)
    assert {record["source"] for record in records} == {"openai-traces"}
    assert len({record["correlation_id"] for record in records}) == 1
    assert any((record["tokens"] or {}).get("output") == 7 for record in records)
    person.backend.assert_clean()


def _assert_claude_logged(person: Person) -> None:
    records = person.backend.wait_for(2)
    calls = [record for record in records if record["attributes"].get("event_name") == "claude_code.api_request"]
    assert calls
    assert {record["outcome"] for record in calls} == {"success"}
    assert all(record["request_hash"] is None for record in records)
    person.backend.assert_clean()


def test_claude_code_by_its_environment(person: Person) -> None:
    """`eval` in the shell that starts Claude Code is enough; no content is reported."""
    claude = person.python(CLAUDE).parent.parent / CLAUDE_BUNDLED / "claude_agent_sdk" / "_bundled" / "claude"
    with Server(models.anthropic([models.say(models.REPLY)])) as model:
        ended = person.runs(["bash", "-euc", f"{person.text('claude')}\n{claude} -p hello"], **_claude(model))
    assert ended.out.strip() == models.REPLY
    _assert_claude_logged(person)


def test_claude_code_by_its_settings(person: Person) -> None:
    """So is the block in its settings file."""
    claude = person.python(CLAUDE).parent.parent / CLAUDE_BUNDLED / "claude_agent_sdk" / "_bundled" / "claude"
    person.writes(".claude/settings.json", person.text("claude", "settings"))
    with Server(models.anthropic([models.say(models.REPLY)])) as model:
        ended = person.runs([claude, "-p", "hello"], **_claude(model))
    assert ended.out.strip() == models.REPLY
    _assert_claude_logged(person)


def test_claude_agent_sdk(person: Person) -> None:
    """And so are the options of the Agent SDK."""
    with Server(models.anthropic([models.say(models.REPLY)])) as model:
        program = person.writes("agent.py", person.text("claude", "sdk"))
        ended = person.runs([person.python(CLAUDE), program], **_claude(model))
    assert models.REPLY in ended.out
    _assert_claude_logged(person)


def _litellm(server: Server) -> dict[str, str]:
    return {
        "OPENAI_API_BASE": f"{server.url}/v1",
        "OPENAI_API_KEY": models.MODEL_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def _assert_litellm_logged(person: Person, ended: Ended) -> None:
    assert ended.out.strip() == models.REPLY
    (record,) = person.backend.wait_for(1)
    assert (record["source"], record["outcome"]) == ("litellm", "success")
    assert record["request_hash"]
    assert record["response_hash"]
    person.backend.assert_clean()


def test_litellm(person: Person) -> None:
    """A call of a program is a record."""
    with Server(_saying()) as model:
        program = person.writes("agent.py", person.text("litellm", "python"))
        ended = person.runs([person.python(LITELLM), program], **_litellm(model))
    _assert_litellm_logged(person, ended)


LARGE = 20
"""So many calls at once, of some 450 KB each: far more than one request may have."""


def test_litellm_with_large_calls(person: Person) -> None:
    """What ends together does not go out together: no request is larger than the log takes."""
    program = person.text("litellm", "python").replace('"Say hello."', '"word " * 90_000')
    one = 'await litellm.acompletion(model="openai/gpt-5-mini", messages=hello)'
    calls = f"await asyncio.gather(*({one.removeprefix('await ')} for _ in range({LARGE})))"
    pause = "asyncio.sleep(6)"
    assert one in program
    assert pause in program
    # LiteLLM loses what ends while it sends, so it sends only once they have all ended, also on a busy machine.
    program = program.replace(one, f"({calls})[0]").replace(pause, "asyncio.sleep(32)")
    person.writes("agent.py", program)
    with Server(models.openai([models.say(models.REPLY)] * LARGE)) as model:
        person.runs([person.python(LITELLM), "agent.py"], **_litellm(model), DEFAULT_FLUSH_INTERVAL_SECONDS="15")
    assert len(person.backend.wait_for(LARGE)) == LARGE
    assert {status for _, status, _ in person.backend.replies} == {200}


@pytest.mark.parametrize("how", ["program", "environment"])
def test_opentelemetry_with_large_spans(person: Person, how: str) -> None:
    """Neither do spans that end together."""
    program = person.text("otel", "python")
    start = program.index("with trace.get_tracer")
    spans = (
        f"for number in range({LARGE}):\n"
        "    with trace.get_tracer('x').start_as_current_span('chat', kind=trace.SpanKind.CLIENT) as span:\n"
        "        span.set_attribute('gen_ai.input.messages', random.randbytes(225_000).hex())\n"
        "provider.shutdown()\n"
    )
    program = f"import random\n{program[:start]}{spans}"
    script = f"{person.python(OTEL)} agent.py"
    if how == "environment":
        bare = re.sub(r"OTLPSpanExporter\(url.*\)\)", "OTLPSpanExporter()))", program)
        assert bare != program
        program, script = bare, f"{person.text('otel')}\n{script}"
    person.writes("agent.py", program)
    person.runs(["bash", "-euc", script])
    assert len(person.backend.wait_for(LARGE)) == LARGE
    assert {status for _, status, _ in person.backend.replies} == {200}


SOON = {"DEFAULT_FLUSH_INTERVAL_SECONDS": "1"}
"""How often LiteLLM sends what it has logged."""


def _with_logger(person: Person, expression: str, *, before: str = "") -> Path:
    """The program of the page, with a logger that is made otherwise, and that is waited for less (see `SOON`)."""
    program = person.text("litellm", "python")
    made = re.sub(r"GenericAPILogger\(ENDPOINT.*\)\]", f"{expression}]", program)
    assert made != program
    return person.writes("agent.py", before + made.replace("asyncio.sleep(6)", "asyncio.sleep(2)"))


def test_litellm_proxy(person: Person) -> None:
    """The proxy makes the logger of its settings, by LiteLLM's own code, and it logs a call."""
    settings = YAML(typ="safe", pure=True).load(person.text("litellm"))
    (name,) = settings["litellm_settings"]["callbacks"]
    make = f"litellm.logging_callback_manager.add_custom_callback_generic_api_str({name!r})"
    set_up = f"import litellm\nlitellm.callback_settings = {settings['callback_settings']!r}\n"
    with Server(_saying()) as model:
        program = _with_logger(person, make, before=set_up)
        ended = person.runs([person.python(LITELLM), program], **_litellm(model), **SOON)
    _assert_litellm_logged(person, ended)


def test_litellm_by_its_environment(person: Person) -> None:
    """A logger that is told nothing reads endpoint and headers from it."""
    program = _with_logger(person, "GenericAPILogger()")
    with Server(_saying()) as model:
        script = f"{person.text('litellm', 'env')}\n{person.python(LITELLM)} {program}"
        ended = person.runs(["bash", "-euc", script], **_litellm(model), **SOON)
    _assert_litellm_logged(person, ended)


def test_opentelemetry_in_a_program(person: Person) -> None:
    """A span that the program makes is a record."""
    person.runs([person.python(OTEL), person.writes("agent.py", person.text("otel", "python"))])
    (record,) = person.backend.wait_for(1)
    assert (record["endpoint"], record["method"], record["status"]) == (
        "https://api.stripe.com/v1/charges",
        "POST",
        200,
    )


def test_opentelemetry_by_its_environment(person: Person) -> None:
    """An exporter that is told nothing else reads endpoint and token from it."""
    program = person.text("otel", "python")
    bare = program.replace("OTLPSpanExporter(url, headers=headers)", "OTLPSpanExporter()")
    assert bare != program
    person.writes("agent.py", bare)
    person.runs(["bash", "-euc", f"{person.text('otel')}\n{person.python(OTEL)} agent.py"])
    (record,) = person.backend.wait_for(1)
    assert record["endpoint"] == "https://api.stripe.com/v1/charges"


def _node(person: Person, program: str, model: Server, *options: str) -> Ended:
    if NODE is None:
        pytest.skip("not run: there is no Node here")
    shutil.copy(ROOT / "clients" / "node" / "audit-log.mjs", person.home)
    person.writes("stub.mjs", TO_STUB)
    person.writes("agent.mjs", program)
    return person.runs([NODE, *options, "--import", "./stub.mjs", "agent.mjs"], STUB=model.url)


def test_replit(person: Person) -> None:
    """A call that goes through `fetchWithLog` is a record; its body never leaves the process."""
    with Server(lambda _: Answer(body=b'{"id": "ch_1"}')) as model:
        ended = _node(person, person.text("replit"), model)
    assert ended.out.strip() == '200 {"id": "ch_1"}'
    (record,) = person.backend.wait_for(1)
    assert record["endpoint"] == "https://api.stripe.com/v1/charges"
    assert uuid.UUID(record["correlation_id"])
    assert (record["method"], record["status"], record["outcome"]) == ("POST", 200, "success")
    assert record["request_hash"]
    assert record["response_hash"]
    assert all(b"amount=1250" not in seen.content for seen, _, _ in person.backend.replies)


def test_replits_secrets(person: Person) -> None:
    """They are what the file reads by itself."""
    program = (
        'import { createAuditLog } from "./audit-log.mjs";\n'
        "const log = createAuditLog();\n"
        'log.record({ endpoint: "a.example/x", method: "GET", status: 200 });\n'
        "await log.close();\n"
    )
    person.writes("secrets.env", person.text("replit", "secrets"))
    with Server(lambda _: Answer()) as model:
        _node(person, program, model, "--env-file=secrets.env")
    (record,) = person.backend.wait_for(1)
    assert record["endpoint"] == "a.example/x"
