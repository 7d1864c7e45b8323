"""Which field of a record each platform fills: seen in what its real SDK sends, written to docs/fields.md.

.venv/bin/python -m tests.sdks.fields
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any, Final, TypeAlias

from localcloud.dependencies import ROOT
from tests.sdks import models, scenarios
from tests.sdks.backend import Backend
from tests.sdks.kits import CLAUDE, LITELLM, OPENAI, OTEL, Kit
from tests.sdks.scenarios import Call, LiteCall, Place, Run

PAGE: Final = ROOT / "docs" / "fields.md"
OBSERVED, INFERRED, ABSENT = "observed", "derived", "not reported"
GUIDE: Final = (
    "timestamp", "agent_id", "user_id", "endpoint", "method", "status", "request_hash", "response_hash", "outcome",
    "correlation_id",
)  # fmt: skip
OTHERS: Final = (
    "session_id", "agent_name", "agent_version", "deployment_id", "trace_id", "span_id", "provider_request_id",
    "request_bytes", "response_bytes", "stream", "duration_ms", "model", "tokens",
)  # fmt: skip
# May stand on the record of the workflow that a call belongs to: a trace is told once, before its spans.
OF_THE_WORKFLOW: Final = ("user_id", "session_id")

Found: TypeAlias = "Mapping[str, str]"
TURNS: Final = [models.say(models.REPLY)]


@dataclass(frozen=True, kw_only=True)
class Platform:
    """One column: what runs where, and which of its calls are meant."""

    name: str
    kit: Kit | None
    run: Callable[[Place], object]
    means: Callable[[Mapping[str, Any]], bool]


def _is_model_span(call: Mapping[str, Any]) -> bool:
    return call["attributes"].get("span_type") in {"response", "generation", "llm_request"}


def _has_model(call: Mapping[str, Any]) -> bool:
    return bool(call["model"])


def _agents(api: Any, exporter: Any) -> Callable[[Place], object]:  # noqa: ANN401 - as in `scenarios`
    run = Run(group=scenarios.GROUP, behaviour=models.openai(TURNS), api=api)
    return lambda place: scenarios.openai_agents(place, [run], exporter=exporter)


def _clients(place: Place) -> object:
    calls = [Call(api="responses", behaviour=models.openai(TURNS), stream=stream) for stream in (False, True)]
    return scenarios.http_clients(place, calls)


def _node(place: Place) -> object:
    calls = [Call(api="chat", behaviour=models.openai(TURNS), stream=stream) for stream in (False, True)]
    return scenarios.node(place, calls)


_CLAUDE_SPANS: Final = {
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_TRACES_EXPORTER": "otlp",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_TRACES_EXPORT_INTERVAL": "300",
}
PLATFORMS: Final = (
    Platform(name="Python client", kit=OPENAI, run=_clients, means=_has_model),
    Platform(name="Node client", kit=None, run=_node, means=lambda call: call["status"] is not None),
    Platform(name="OpenAI Agents, Responses", kit=OPENAI, run=_agents("responses", "client"), means=_is_model_span),
    Platform(
        name="OpenAI Agents, Chat Completions",
        kit=OPENAI,
        run=_agents("chat_completions", "client"),
        means=_is_model_span,
    ),
    Platform(name="OpenAI Agents, its own exporter", kit=OPENAI, run=_agents("responses", "sdk"), means=_is_model_span),
    Platform(name="Claude Code", kit=CLAUDE, run=scenarios.claude, means=_has_model),
    Platform(
        name="Claude Code, bodies on",
        kit=CLAUDE,
        run=lambda place: scenarios.claude(place, content=True),
        means=_has_model,
    ),
    Platform(
        name="Claude Code, spans",
        kit=CLAUDE,
        run=lambda place: scenarios.claude(place, more=_CLAUDE_SPANS),
        means=_is_model_span,
    ),
    Platform(
        name="LiteLLM",
        kit=LITELLM,
        run=lambda place: scenarios.litellm(place, [LiteCall(provider="openai", behaviour=models.openai(TURNS))]),
        means=_has_model,
    ),
    Platform(
        name="OpenTelemetry, GenAI span",
        kit=OTEL,
        run=scenarios.otel,
        means=lambda call: call["attributes"].get("operation") == "chat",
    ),
    Platform(
        name="OpenTelemetry, HTTP span", kit=OTEL, run=scenarios.otel, means=lambda call: call["method"] is not None
    ),
)


def observe(platform: Platform, python: Path, home: Path) -> Found:
    """Run the platform, and return for each field where its value in the records comes from."""
    with Backend() as backend:
        platform.run(scenarios.place(python, backend, home))
        calls = backend.calls
        meant = [call for call in calls if platform.means(call)]
    assert meant, (platform.name, backend.told)
    around = [outer for call in meant for outer in _around(calls, call)]
    return {
        field: _state([*meant, *around] if field in OF_THE_WORKFLOW else meant, field) for field in (*GUIDE, *OTHERS)
    }


def _around(calls: list[dict[str, Any]], call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the call that this one belongs to, and so on outwards."""
    while call["parent"] is not None:
        call = calls[call["parent"]]
        yield call


def _state(calls: list[dict[str, Any]], field: str) -> str:
    known = [call for call in calls if call[field] is not None]
    if not known:
        return ABSENT
    return OBSERVED if any(field not in call["inferred"] for call in known) else INFERRED


def table(platforms: Mapping[str, Found]) -> str:
    """Return the table, a row for each platform."""
    lines = ["| platform | derived | not reported |", "| --- | --- | --- |"]
    for name, found in platforms.items():
        derived, absent = (
            " ".join(f"`{field}`" for field, state in found.items() if state == wanted) for wanted in (INFERRED, ABSENT)
        )
        lines.append(f"| {name} | {derived} | {absent} |")
    return "\n".join(lines) + "\n"


def documented(page: str) -> dict[str, dict[str, str]]:
    """Return what the page's first table says: platform → field → state."""
    lines = takewhile(lambda line: line[:1] == "|", dropwhile(lambda line: line[:1] != "|", page.splitlines()))
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]
    found = {name: dict.fromkeys((*GUIDE, *OTHERS), OBSERVED) for name, *_ in rows}
    for name, derived, absent in rows:
        for fields, state in ((derived, INFERRED), (absent, ABSENT)):
            found[name] |= dict.fromkeys(fields.replace("`", "").split(), state)
    return found


def interpreter(platform: Platform) -> Path | None:
    """Return what runs the platform, or null if there is no Node."""
    if platform.kit is not None:
        return platform.kit.bring()
    node = shutil.which("node")
    return None if node is None else Path(node)


def _columns() -> Iterator[tuple[str, Found]]:
    for platform in PLATFORMS:
        python = interpreter(platform)
        assert python is not None, "Node is needed to write the whole table"
        with tempfile.TemporaryDirectory() as home:
            yield platform.name, observe(platform, python, Path(home))


def main() -> None:
    """Write the page's table again."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")
    after = rest.partition("<!-- end -->\n")[2]
    PAGE.write_text(f"{before}<!-- table -->\n{table(dict(_columns()))}<!-- end -->\n{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
