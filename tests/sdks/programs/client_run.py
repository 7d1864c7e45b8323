"""Calls by the `openai` and `anthropic` clients through the audit client's httpx hook.

Arguments: a JSON object with `endpoint`, `token`, `prompt`, `system`, `user`, `correlation`, `flush_seconds`, and
`calls`: each has `url` (the model API's), `key`, `model`, `api` (`responses`, `chat`, `messages`), `stream`,
`asynchronous` and `cancelled` (at the first event). Prints how each call ended and whether all was sent, as JSON.
"""

import asyncio
import contextlib
import json
import sys
from typing import Any

from audit_log_client import AuditLog

WHAT: dict[str, Any] = json.loads(sys.argv[1])
LOG = AuditLog(WHAT["endpoint"], WHAT["token"], agent_name="concierge", agent_version="1.4.0", deployment_id="deploy-3")
OPTIONS: dict[str, Any] = {"max_retries": 0, "timeout": WHAT.get("timeout", 2.0)}


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    """What the API's own method takes."""
    user = {"role": "user", "content": WHAT["prompt"]}
    shared = {"model": call["model"], "stream": call["stream"]}
    if call["api"] == "responses":
        return {**shared, "instructions": WHAT["system"], "input": WHAT["prompt"]}
    if call["api"] == "chat":
        return {**shared, "messages": [{"role": "system", "content": WHAT["system"]}, user]}
    return {**shared, "system": WHAT["system"], "messages": [user], "max_tokens": 64}


def client(call: dict[str, Any]) -> Any:  # noqa: ANN401 - one of four classes of two packages
    """The provider's own client, with the hook in it."""
    hook = LOG.async_http_client() if call["asynchronous"] else LOG.http_client()
    if call["api"] == "messages":
        import anthropic  # noqa: PLC0415 - not in every environment

        kind = anthropic.AsyncAnthropic if call["asynchronous"] else anthropic.Anthropic
        return kind(base_url=call["url"], api_key=call["key"], http_client=hook, **OPTIONS)
    import openai  # noqa: PLC0415 - not in every environment

    kind = openai.AsyncOpenAI if call["asynchronous"] else openai.OpenAI
    return kind(base_url=call["url"] + "/v1", api_key=call["key"], http_client=hook, **OPTIONS)


def method(of: Any, api: str) -> Any:  # noqa: ANN401 - as above
    """The method that makes the call."""
    if api == "messages":
        return of.messages.create
    return of.responses.create if api == "responses" else of.chat.completions.create


def run(call: dict[str, Any]) -> str:
    """Make one call; how it ended."""
    with client(call) as made:
        reply = method(made, call["api"])(**arguments(call))
        if call["stream"]:
            return f"{len(list(reply))} events"
        return type(reply).__name__


async def run_async(call: dict[str, Any]) -> str:
    """Make one call; how it ended."""
    begun = asyncio.Event()

    async def body() -> str:
        async with client(call) as made:
            reply = await method(made, call["api"])(**arguments(call))
            if call["stream"]:
                count = 0
                async for _ in reply:
                    count += 1
                    begun.set()
                return f"{count} events"
            return type(reply).__name__

    task = asyncio.create_task(body())
    if call["cancelled"]:
        first = asyncio.create_task(begun.wait())
        await asyncio.wait([task, first], return_when=asyncio.FIRST_COMPLETED)  # a call that fails never begins
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return "cancelled"


def ended(call: dict[str, Any]) -> str:
    """Make one call; how it ended, whatever happened."""
    try:
        return asyncio.run(run_async(call)) if call["asynchronous"] else run(call)
    except Exception as error:  # noqa: BLE001 - how it ended is what is told
        return type(error).__name__


with LOG.user(WHAT["user"]), LOG.correlation(WHAT["correlation"]):
    endings = [ended(call) for call in WHAT["calls"]]
sent = LOG.flush(WHAT.get("flush_seconds", 5.0))
sys.stdout.write(json.dumps({"endings": endings, "sent": sent}) + "\n")
sys.stdout.flush()
