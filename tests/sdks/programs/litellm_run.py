"""Calls through LiteLLM, logged by its generic logger.

Arguments: a JSON object with `calls`, each with `model`, `api_base`, `api_key`, `messages` and options; and `loggers`,
from a format to the logger's endpoint, whose headers are in the environment. Prints how each call ended, as JSON.
"""

import asyncio
import json
import sys
from typing import Any

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

WHAT: dict[str, Any] = json.loads(sys.argv[1])


async def one(call: dict[str, Any]) -> str:
    """One call; how it ended."""
    try:
        reply = await litellm.acompletion(**call, num_retries=0, max_retries=0, timeout=2)
        if call.get("stream"):
            pieces = [chunk.choices[0].delta.content or "" async for chunk in reply if chunk.choices]
            return "".join(pieces)
        return str(reply.choices[0].message.content)
    except Exception as error:  # noqa: BLE001 - how it ended is what is told
        return type(error).__name__


async def main() -> None:
    """All calls, one after the other, then what the loggers hold."""
    loggers = [
        GenericAPILogger(endpoint=endpoint, log_format=log_format, flush_interval=60)
        for log_format, endpoint in WHAT["loggers"].items()
    ]
    litellm.callbacks = loggers
    endings = [await one(call) for call in WHAT["calls"]]
    # A logger is told in background tasks; there is no other way to know that all calls have reached it.
    for _ in range(100):
        if all(len(logger.log_queue) >= len(WHAT["calls"]) for logger in loggers):
            break
        await asyncio.sleep(0.05)
    for logger in loggers:
        await logger.async_send_batch()
    sys.stdout.write(json.dumps(endings) + "\n")


asyncio.run(main())
