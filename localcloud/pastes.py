"""What `make up` prints to be pasted. Every paste here is run by a test, exactly as it is printed.

The snippets themselves are those of `audit-log connect`.
"""

from collections.abc import Mapping
from typing import Any, Final

from cli.connect_snippets import fill, find_form

COMMAND: Final = ".venv/bin/audit-log"
AGENTS: Final = {
    "openai": "OpenAI's Python client, the OpenAI Agents SDK",
    "claude": "Claude Code, the Claude Agent SDK, the Claude platform",
    "replit": "Replit, and anything in Node",
    "litellm": "LiteLLM",
    "otel": "anything with OpenTelemetry",
}
"""What a platform's name stands for."""


def commands() -> str:
    """Return the commands that print what to paste into each kind of agent, a line each."""
    width = max(map(len, AGENTS))
    return "\n".join(f"  {COMMAND} connect {name:<{width}}  {what}" for name, what in AGENTS.items())


def pastes(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return each paste by its introduction."""
    by_hand = fill(find_form("shell"), endpoint=outputs["endpoint"], token=outputs["token"])
    return {
        "Claude Code, from this shell": f'eval "$({COMMAND} connect claude)"\n',
        "By hand, from any shell": by_hand,
    }
