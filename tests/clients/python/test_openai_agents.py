"""What the processor for OpenAI's Agents SDK keeps of a trace and of an error. tests/sdks tests the SDK itself."""

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest


class Item:
    """A trace or a span, as the SDK exports it."""

    def __init__(self, **exported: Any) -> None:  # noqa: ANN401 - JSON
        self._exported = exported

    def export(self) -> dict[str, Any]:
        """Return what the SDK's own exporter would send."""
        return self._exported


@pytest.fixture
def processor(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 - a module
    """Yield the module, with a stand-in for the parts of the SDK that it imports."""
    sdk, tracing = ModuleType("agents"), ModuleType("agents.tracing")
    tracing.TracingProcessor = type("TracingProcessor", (), {})  # pyrefly: ignore[missing-attribute]
    monkeypatch.setitem(sys.modules, "agents", sdk)
    monkeypatch.setitem(sys.modules, "agents.tracing", tracing)
    module = importlib.import_module("audit_log_client.openai_agents")
    monkeypatch.delitem(sys.modules, "audit_log_client.openai_agents")
    return module


def test_a_number_in_a_traces_metadata_is_an_id(processor: Any) -> None:  # noqa: ANN401 - a module
    """It is sent as it is. `True` is not an id, and neither is a value of another name."""
    given = {"user_id": 40217, "session_id": True, "order": 5}
    kept = processor.without_content(Item(id="t", metadata=given), key=None)
    assert kept["metadata"]["user_id"] == 40217
    assert "$digest" in kept["metadata"]["session_id"]
    assert "$digest" in kept["metadata"]["order"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("litellm.RateLimitError: RateLimitError: secret", "litellm.RateLimitError"),
        ("ThrottlingException(secret)", "ThrottlingException"),
        ("Error code: 500 - secret", None),
        ("secret: ValueError: x", None),
        ("a secret Error: x", None),
        ("x" * 100_000 + "Error: ", None),
    ],
)
def test_an_errors_class_is_sent(processor: Any, text: str, named: str | None) -> None:  # noqa: ANN401 - a module
    """An error's text is never sent, because it may quote content."""
    error = {"message": "Error getting response", "data": {"error": text}}
    kept = processor.without_content(Item(id="s", error=error), key=None)
    assert kept["error"]["data"].get("error_type") == named
    assert "secret" not in str(kept)
