"""Calls through LiteLLM, logged by its generic logger.

Arguments: a JSON object with `calls`, each with `model`, `api_base`, `api_key`, `messages` and options; `log_format`;
`endpoint` (of the logger) and `headers`. Prints how each call ended, as JSON.
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
    """All calls, one after the other, then what the logger still holds."""
    logger = GenericAPILogger(log_format=WHAT["log_format"], flush_interval=1, max_retries=2, retry_delay=0.1)
    litellm.callbacks = [logger]
    endings = [await one(call) for call in WHAT["calls"]]
    # The logger is told in background tasks; there is no other way to know that all calls have reached it.
    for _ in range(100):
        if len(logger.log_queue) >= len(WHAT["calls"]):
            break
        await asyncio.sleep(0.05)
    await logger.async_send_batch()
    sys.stdout.write(json.dumps(endings) + "\n")


asyncio.run(main())
