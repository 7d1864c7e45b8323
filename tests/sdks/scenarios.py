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
    cancel_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How the calls ended, what the model APIs were asked, and whether the audit client had sent all in time."""

    endings: list[str]
    asked: list[Seen]
    sent: bool


def agent_turns() -> list[models.Turn]:
    """A handoff, a tool call with a secret in it, an answer."""
    return [
        models.call("transfer_to_billing", {}),
        models.call("look_up_order", {"order": models.TOOL_ARGUMENT, "api_key": models.SECRET}, "call_stub_2"),
        models.say(models.REPLY),
    ]


def openai_agents(
    place: Place,
    behaviour: Behaviour,
    *,
    runs: tuple[str, ...] = ("workflow",),
    exporter: Exporter = "sdk",
    api: Literal["responses", "chat_completions"] = "responses",
) -> list[str]:
    """Run agents of the OpenAI Agents SDK; how each run ended."""
    with Server(behaviour) as model:
        what = {
            "model_url": model.url,
            "model_key": models.MODEL_KEY,
            "exporter": exporter,
            "endpoint": place.endpoint,
            "token": place.token,
            "prompt": f"{models.PROMPT} {models.SECRET}",
            "system": models.SYSTEM,
            "tool_result": models.TOOL_RESULT,
            "group": GROUP,
            "api": api,
            "model": models.OPENAI_MODEL,
            "runs": runs,
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
                    "cancel_after": call.cancel_after,
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


def litellm(
    place: Place, behaviours: list[tuple[str, Behaviour]], *, log_format: str = "json_array", stream: bool = False
) -> list[str]:
    """Make one call for each (provider, behaviour) through LiteLLM; how each ended."""

    def by_path(seen: Any) -> Any:  # noqa: ANN401 - as `Behaviour`
        return behaviours[int(seen.path.split("/")[1])][1](seen)

    with Server(by_path) as model:
        calls = [
            {
                "model": f"{provider}/{models.ANTHROPIC_MODEL if provider == 'anthropic' else models.OPENAI_MODEL}",
                "api_base": f"{model.url}/{number}" + ("/v1" if provider == "openai" else ""),
                "api_key": models.MODEL_KEY,
                "messages": [
                    {"role": "system", "content": models.SYSTEM},
                    {"role": "user", "content": f"{models.PROMPT} {models.SECRET}"},
                ],
                "user": USER,
                "metadata": {"trace_id": GROUP, "note": models.PROMPT},
                "stream": stream,
            }
            for number, (provider, _) in enumerate(behaviours)
        ]
        env = {
            **place.env,
            "GENERIC_LOGGER_ENDPOINT": f"{place.endpoint}/v1/litellm",
            "GENERIC_LOGGER_HEADERS": f"Authorization=Bearer {place.token}",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        what = {"calls": calls, "log_format": log_format}
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
