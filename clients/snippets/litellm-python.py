import asyncio

import litellm

litellm.callbacks = ["generic_api"]


async def main():
    hello = [{"role": "user", "content": "Say hello."}]
    answer = await litellm.acompletion(model="openai/gpt-5-mini", messages=hello)
    print(answer.choices[0].message.content)
    await asyncio.sleep(6)  # LiteLLM sends what it has logged every 5 seconds, and nothing at exit


asyncio.run(main())
