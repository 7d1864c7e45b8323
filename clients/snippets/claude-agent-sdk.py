import asyncio

from claude_agent_sdk import ClaudeAgentOptions, query

options = ClaudeAgentOptions(
    env={
        "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "{endpoint}",
        "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer {token}",
    }
)


async def main():
    async for message in query(prompt="Say hello.", options=options):
        print(message)


asyncio.run(main())
