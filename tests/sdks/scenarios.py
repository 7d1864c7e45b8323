"""One workflow for each platform: the real SDK, a stub model, an endpoint. Tests say what must come of it.

Each function runs to the end of the agent's process; what it logs is at the endpoint by then.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from localcloud.dependencies import ROOT
from tests.sdks import models
from tests.sdks.backend import Backend
from tests.sdks.running import Ended, run, run_program
from tests.sdks.stubs import Behaviour, Seen, Server

GROUP: Final = "conv_42"
USER: Final = "u_77"
CLAUDE_BUNDLED: Final = Path("lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages")
Protocol: TypeAlias = Literal["http/json", "http/protobuf"]
Exporter: TypeAlias = Literal["sdk", "client"]
Api: TypeAlias = Literal["responses", "chat", "messages"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a scenario runs: an environment's interpreter, the process environment, and the endpoint."""

    python: Path
    env: Mapping[str, str]
    endpoint: str
    token: str

    @property
    def home(self) -> Path:
        """The home folder of the agent's process."""
        return Path(self.env["HOME"])


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call by a provider's client. Without a `behaviour` nobody listens at the model's address."""

    api: Api
    behaviour: Behaviour | None
    asynchronous: bool = False
    stream: bool = False
    cancelled: bool = False


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the calls ended, what the model APIs were asked, and whether the audit client had sent all in time."""

    endings: list[str]
    asked: list[Seen]
    sent: bool


def place(python: Path, backend: Backend, home: Path) -> Place:
    """Where agents run that log to `backend`."""
    return place_at(python, home, endpoint=backend.url, token=backend.token)


def place_at(python: Path, home: Path, *, endpoint: str, token: str) -> Place:
    """Where agents run, with nothing that a person or a CI has set: least of all a key or a proxy."""
    home.mkdir(exist_ok=True)
    env = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "LANG": "C.UTF-8",
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": str(ROOT / "clients" / "python" / "src"),
    }
    return Place(python=python, env=env, endpoint=endpoint, token=token)


def agent_turns() -> list[models.Turn]:
    """A handoff, a tool call with a secret in it, an answer."""
    return [
        models.call("transfer_to_billing", {}),
        models.call("look_up_order", {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET}, "call_stub_2"),
        models.say(models.REPLY),
    ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an agent: its group, what the model does, and how it is asked."""

    group: str
    behaviour: Behaviour
    kind: Literal["workflow", "guarded", "streamed"] = "workflow"
    api: Literal["responses", "chat_completions"] = "responses"


def openai_agents(place: Place, runs: Sequence[Run], *, exporter: Exporter = "sdk") -> list[str]:
    """Run agents of the OpenAI Agents SDK in one process; how each run ended."""
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(run.behaviour)) for run in runs]
        what = {
            "exporter": exporter,
            "endpoint": place.endpoint,
            "token": place.token,
            "model_key": models.MODEL_KEY,
            "model": models.OPENAI_MODEL,
            "prompt": f"{models.PROMPT} {models.SECRET}",
            "system": models.SYSTEM,
            "tool_result": models.TOOL_RESULT,
            "runs": [
                {"group": run.group, "kind": run.kind, "api": run.api, "model_url": server.url}
                for run, server in zip(runs, servers, strict=True)
            ],
        }
        endings: list[str] = run_program(place.python, "agents_run.py", what, env=place.env).told
        return endings


@contextmanager
def _serving(calls: Sequence[Call]) -> Iterator[list[Server]]:
    """One model API for each call; nobody listens where it has no behaviour."""
    with ExitStack() as stack:
        servers: list[Server] = []
        for call in calls:
            server = Server(call.behaviour or models.script(models.silent()))
            servers.append(server)
            if call.behaviour is None:
                server.close()
            else:
                stack.enter_context(server)
        yield servers


def http_clients(place: Place, calls: Sequence[Call], *, flush_seconds: float = 5.0) -> Ran:
    """Make calls by the `openai` and `anthropic` clients with the audit client's hook in them."""
    with _serving(calls) as servers:
        what = {
            "endpoint": place.endpoint,
            "token": place.token,
            "prompt": f"{models.PROMPT} {models.SECRET}",
            "system": models.SYSTEM,
            "user": USER,
            "correlation": GROUP,
            "flush_seconds": flush_seconds,
            "calls": [
                {
                    "url": server.url,
                    "key": models.ANTHROPIC_KEY if call.api == "messages" else models.MODEL_KEY,
                    "model": models.ANTHROPIC_MODEL if call.api == "messages" else models.OPENAI_MODEL,
                    "api": call.api,
                    "stream": call.stream,
                    "asynchronous": call.asynchronous,
                    "cancelled": call.cancelled,
                }
                for call, server in zip(calls, servers, strict=True)
            ],
        }
        told = run_program(place.python, "client_run.py", what, env=place.env).told
        asked = [seen for server in servers for seen in server.seen]
        return Ran(endings=told["endings"], asked=asked, sent=told["sent"])


def node(place: Place, calls: Sequence[Call], *, flush_seconds: float = 5.0) -> Ran:
    """Make calls by `fetchWithLog`; `place.python` is Node."""
    with _serving(calls) as servers:
        what = {
            "client": (ROOT / "clients" / "node" / "audit-log.mjs").as_uri(),
            "endpoint": place.endpoint,
            "token": place.token,
            "user": USER,
            "correlation": GROUP,
            "flush_ms": flush_seconds * 1000,
            "calls": [
                {
                    "url": f"{server.url}/v1/chat/completions?key={models.SECRET}",
                    "key": models.MODEL_KEY,
                    "body": {
                        "model": models.OPENAI_MODEL,
                        "stream": call.stream,
                        "api_key": models.SECRET,
                        "messages": [{"role": "user", "content": f"{models.PROMPT} {models.SECRET}"}],
                    },
                    "stream": call.stream,
                    "timeout_ms": 2000,
                }
                for call, server in zip(calls, servers, strict=True)
            ],
        }
        told = run_program(place.python, "node_run.mjs", what, env=place.env).told
        asked = [seen for server in servers for seen in server.seen]
        return Ran(endings=told["endings"], asked=asked, sent=told["sent"])


def ends(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One record a call: the end of a stream, or the whole."""
    return [record for record in records if (record["stream"] or {}).get("phase") != "start"]


def claude(
    place: Place,
    behaviour: Behaviour | None = None,
    *,
    protocol: Protocol = "http/json",
    content: bool = False,
    prompt: str = f"{models.PROMPT} {models.SECRET}",
    more: Mapping[str, str] | None = None,
    seconds: float = 60.0,
) -> Ended:
    """Run `claude -p` with one tool call, telemetry on, everything else off that would leave this machine."""
    notes = place.home / "notes.txt"
    notes.write_text(f"{models.TOOL_RESULT}\napi_key={models.SECRET}\n", encoding="utf-8")
    turns = [models.call("Read", {"file_path": str(notes)}), models.say(models.REPLY)]
    shown = {"OTEL_LOG_RAW_API_BODIES": "1", "OTEL_LOG_USER_PROMPTS": "1", "OTEL_LOG_TOOL_DETAILS": "1"}
    with Server(behaviour or models.anthropic(turns)) as model:
        env = {
            **place.env,
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": models.ANTHROPIC_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORT_INTERVAL": "300",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": place.endpoint,
            "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer {place.token}",
            **(shown if content else {}),
            **(more or {}),
        }
        program = place.python.parent.parent / CLAUDE_BUNDLED / "claude_agent_sdk" / "_bundled" / "claude"
        return run([program, "-p", prompt, "--allowedTools", "Read"], env=env, seconds=seconds)


@dataclass(frozen=True, kw_only=True)
class LiteCall:
    """One call through LiteLLM, and what the provider's API does."""

    provider: Literal["openai", "anthropic"]
    behaviour: Behaviour
    stream: bool = False


def litellm(place: Place, calls: Sequence[LiteCall], *, endpoints: Mapping[str, str] | None = None) -> list[str]:
    """Make calls through LiteLLM; how each ended. `endpoints`: for each form of its logger, where it sends."""
    with ExitStack() as stack:
        servers = [stack.enter_context(Server(call.behaviour)) for call in calls]
        described = [
            {
                "model": f"{call.provider}/"
                + (models.ANTHROPIC_MODEL if call.provider == "anthropic" else models.OPENAI_MODEL),
                "api_base": server.url + ("/v1" if call.provider == "openai" else ""),
                "api_key": models.MODEL_KEY,
                "messages": [
                    {"role": "system", "content": models.SYSTEM},
                    {"role": "user", "content": f"{models.PROMPT} {models.SECRET}"},
                ],
                "user": USER,
                "metadata": {"trace_id": GROUP, "note": models.PROMPT},
                "stream": call.stream,
            }
            for call, server in zip(calls, servers, strict=True)
        ]
        env = {
            **place.env,
            "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {place.token}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        bases = endpoints or {"json_array": place.endpoint}
        loggers = {form: f"{base}/v1/litellm" for form, base in bases.items()}
        what = {"calls": described, "loggers": loggers}
        endings: list[str] = run_program(place.python, "litellm_run.py", what, env=env).told
        return endings


def otel(place: Place, *, more: Mapping[str, str] | None = None) -> Ended:
    """Export the spans and logs of an instrumented agent by OpenTelemetry's own exporter."""
    what = {
        "prompt": models.PROMPT,
        "system": models.SYSTEM,
        "reply": models.REPLY,
        "tool_argument": models.TOOL_ARGUMENT,
        "tool_result": models.TOOL_RESULT,
        "error": models.ERROR_TEXT,
        "secret": models.SECRET,
        "model": models.OPENAI_MODEL,
        "conversation": GROUP,
    }
    env = {
        **place.env,
        "OTEL_EXPORTER_OTLP_ENDPOINT": place.endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": f"Authorization=Bearer%20{place.token}",
        **(more or {}),
    }
    return run_program(place.python, "otel_run.py", what, env=env)
