"""An agent with a tool, a handoff and a guardrail that trips, exported by the SDK's own exporter or through the client.

Arguments: a JSON object with `exporter` (`sdk` or `client`), `endpoint`, `token`, `model_key`, `model`, `prompt`,
`system`, `tool_result`, and `runs`: each has a `group`, `model_url`, `kind` (`workflow`, `guarded`, `streamed`) and
`api` (`responses` or `chat_completions`). Prints what each run ended with, as JSON.
"""

import asyncio
import json
import os
import sys
from typing import Any

import agents
from agents.tracing import processors
from openai import AsyncOpenAI

WHAT: dict[str, Any] = json.loads(sys.argv[1])


@agents.function_tool
def look_up_order(order: str, api_key: str) -> str:
    """Look up an order."""
    return f"{order}: {WHAT['tool_result']} (seen with {len(api_key)} characters of a key)"


@agents.input_guardrail
async def no_prompts(
    context: agents.RunContextWrapper[None],
    agent: agents.Agent[None],
    given: str | list[Any],
) -> agents.GuardrailFunctionOutput:
    """Trip on everything."""
    del context, agent
    return agents.GuardrailFunctionOutput(output_info={"refused": given}, tripwire_triggered=True)


BILLING = agents.Agent(name="Billing", instructions=WHAT["system"], model=WHAT["model"], tools=[look_up_order])
TRIAGE = agents.Agent(name="Triage", instructions=WHAT["system"], model=WHAT["model"], handoffs=[BILLING])
GUARDED = agents.Agent(name="Guarded", instructions=WHAT["system"], model=WHAT["model"], input_guardrails=[no_prompts])


def set_up_exporter() -> None:
    """Send traces to the endpoint only."""
    if WHAT["exporter"] == "client":
        from audit_log_client import AuditLog  # noqa: PLC0415 - the other exporter must work without it
        from audit_log_client.openai_agents import export_traces  # noqa: PLC0415

        export_traces(AuditLog(WHAT["endpoint"], WHAT["token"]))
        return
    exporter = processors.BackendSpanExporter(
        endpoint=WHAT["endpoint"] + "/v1/traces/ingest", api_key=WHAT["token"], base_delay=0.2
    )
    agents.set_trace_processors([processors.BatchTraceProcessor(exporter, schedule_delay=0.2)])


async def run(asked: dict[str, str]) -> str:
    """One run; how it ended."""
    client = AsyncOpenAI(base_url=asked["model_url"] + "/v1", api_key=WHAT["model_key"], max_retries=0, timeout=2)
    provider = agents.OpenAIProvider(openai_client=client, use_responses=asked["api"] == "responses")
    config = agents.RunConfig(
        model_provider=provider,
        workflow_name="stub workflow",
        group_id=asked["group"],
        trace_metadata={"user_id": "u_77", "note": WHAT["prompt"]},
    )
    try:
        if asked["kind"] == "streamed":
            streamed = agents.Runner.run_streamed(TRIAGE, WHAT["prompt"], run_config=config)
            async for _ in streamed.stream_events():
                pass
            return str(streamed.final_output)
        agent = GUARDED if asked["kind"] == "guarded" else TRIAGE
        result = await agents.Runner.run(agent, WHAT["prompt"], run_config=config)
        return str(result.final_output)
    except Exception as error:  # noqa: BLE001 - how it ended is what is told
        return type(error).__name__
    finally:
        await client.close()


async def main() -> None:
    """All runs, one after the other."""
    endings = [await run(asked) for asked in WHAT["runs"]]
    sys.stdout.write(json.dumps(endings) + "\n")


os.environ.pop("OPENAI_API_KEY", None)
set_up_exporter()
asyncio.run(main())
agents.flush_traces()
