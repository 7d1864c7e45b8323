import asyncio

import litellm
from litellm.integrations.generic_api.generic_api_callback import GenericAPILogger

ENDPOINT = "{endpoint}/v1/litellm"
HEADERS = {"Authorization": "Bearer {token}"}


async def main():
    # One call a request: several large ones together would be refused.
    litellm.callbacks = [GenericAPILogger(ENDPOINT, HEADERS, log_format="single", max_retries=5, retry_delay=1)]
    hello = [{"role": "user", "content": "Say hello."}]
    answer = await litellm.acompletion(model="openai/gpt-5-mini", messages=hello)
    print(answer.choices[0].message.content)
    await asyncio.sleep(6)  # LiteLLM sends what it has logged every 5 seconds, and nothing at exit


asyncio.run(main())
