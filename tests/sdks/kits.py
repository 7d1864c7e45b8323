"""The kits of SDKs that the tests run: each in an environment of its own, from the lists beside this file."""

from pathlib import Path
from typing import Final

from localcloud.kits import Kit

LOCKS: Final = Path(__file__).parent / "locks"
OPENAI: Final = Kit(
    name="openai", purpose="OpenAI's Agents SDK and client, Anthropic's client", megabytes=18, locks=LOCKS
)
CLAUDE: Final = Kit(name="claude", purpose="Claude's Agent SDK with Claude Code in it", megabytes=178, locks=LOCKS)
LITELLM: Final = Kit(name="litellm", purpose="LiteLLM", megabytes=77, locks=LOCKS)
OTEL: Final = Kit(name="otel", purpose="OpenTelemetry's SDK and OTLP exporter", megabytes=2, locks=LOCKS)
CELERY: Final = Kit(name="celery", purpose="Celery", megabytes=4, locks=LOCKS)
ALL: Final = (OPENAI, CLAUDE, LITELLM, OTEL, CELERY)
