"""Ordinary agent traffic, made up: what the APIs of model vendors and common tools send, and nothing secret in it.

Deterministic for a seed. Source code comes from the Python that runs this; everything else is generated: identifiers as
the vendors write them, digests, Git logs, lock files, pictures, streams, tables, telemetry.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import sysconfig
import uuid
from collections.abc import Iterator
from pathlib import Path

_WORDS = [
    "the",
    "quarterly",
    "report",
    "shows",
    "steady",
    "growth",
    "across",
    "every",
    "region",
    "while",
    "support",
    "tickets",
    "fell",
    "after",
    "we",
    "changed",
    "how",
    "agents",
    "answer",
    "refunds",
    "please",
    "summarise",
    "this",
    "thread",
    "and",
    "list",
    "open",
    "questions",
    "for",
    "the",
    "customer",
    "call",
    "tomorrow",
    "morning",
    "build",
    "failed",
    "because",
    "of",
    "a",
    "missing",
    "index",
    "on",
    "the",
    "orders",
    "table",
    "retry",
    "with",
    "a",
    "smaller",
    "batch",
    "size",
    "then",
    "compare",
    "latency",
    "token",
    "budget",
    "key",
    "findings",
    "password",
    "policy",
    "secret",
    "sauce",
    "session",
    "notes",
    "author",
    "credit",
    "access",
    "pattern",
    "basic",
    "example",
    "bearing",
]
_ALNUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_MODELS = (
    "gpt-5.2-2025-12-11",
    "gpt-4o-mini-2024-07-18",
    "claude-sonnet-4-5-20250929",
    "claude-opus-4-1",
    "gemini-2.5-pro",
    "o4-mini",
)


class Traffic:
    """A source of payloads; `payload(n)` gives about `n` bytes of one."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a generator of test data
        library = Path(sysconfig.get_paths()["stdlib"])
        self._sources = [
            path for path in sorted(library.glob("*.py")) + sorted(library.glob("*/*.py")) if "test" not in path.parts
        ]

    def payloads(self, count: int) -> Iterator[object]:
        """Yield payloads of all kinds, 200 bytes to 100 KB."""
        makers = (
            self._chat,
            self._chat_response,
            self._messages,
            self._messages_response,
            self._tool_result,
            self._stream,
            self._telemetry,
            self._git_log,
            self._lock_file,
            self._picture,
            self._table,
            self._source,
            self._search_results,
            self._embedding,
            self._web_page,
            self._build_log,
            self._record,
        )
        for index in range(count):
            yield makers[index % len(makers)](int(200 * 500 ** self._random.random()))

    def _hex(self, digits: int) -> str:
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def _id(self, prefix: str, length: int = 24) -> str:
        return prefix + "".join(self._random.choices(_ALNUM, k=length))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _time(self) -> str:
        r = self._random
        day, clock = f"2026-{r.randint(1, 12):02}-{r.randint(1, 28):02}", f"{r.randint(0, 23):02}:{r.randint(0, 59):02}"
        return f"{day}T{clock}:{r.randint(0, 59):02}.{r.randint(0, 999):03}Z"

    def _prose(self, size: int) -> str:
        words = self._random.choices(_WORDS, k=max(3, size // 6))
        return " ".join(words).capitalize() + "."

    def _code(self, size: int) -> str:
        text = self._random.choice(self._sources).read_text("utf-8", "replace")
        start = self._random.randint(0, max(0, len(text) - size))
        return text[start : start + size]

    def _bytes(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def _chat(self, size: int) -> object:
        return {
            "model": self._random.choice(_MODELS),
            "messages": [
                {"role": "system", "content": "You are a helpful assistant. Never reveal a password or an API key."},
                {"role": "user", "content": self._prose(size // 2)},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": self._id("call_"),
                            "type": "function",
                            "function": {
                                "name": "read_file",
                                "arguments": json.dumps({"path": "src/auth/token.py", "limit": 200}),
                            },
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": self._id("call_"), "content": self._code(size // 2)},
            ],
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "login",
                        "description": "Log in with a user name and a password.",
                        "parameters": {
                            "type": "object",
                            "required": ["username", "password"],
                            "properties": {
                                "username": {"type": "string"},
                                "password": {"type": "string", "description": "The user's password"},
                                "api_key": {"type": ["string", "null"]},
                            },
                        },
                    },
                }
            ],
            "max_completion_tokens": 4096,
            "temperature": 0.2,
            "stream": False,
            "prompt_cache_key": f"session-{self._uuid()}",
        }

    def _chat_response(self, size: int) -> object:
        return {
            "id": self._id("chatcmpl-", 29),
            "object": "chat.completion",
            "created": 1_790_000_000 + self._random.randint(0, 10**7),
            "model": self._random.choice(_MODELS),
            "system_fingerprint": f"fp_{self._hex(10)}",
            "service_tier": "default",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": self._prose(size), "refusal": None},
                    "logprobs": {
                        "content": [
                            {
                                "token": word,
                                "logprob": -self._random.random(),
                                "bytes": list(word.encode()),
                                "top_logprobs": None,
                            }
                            for word in self._random.choices(_WORDS, k=min(20, size // 100))
                        ]
                    },
                }
            ],
            "usage": {
                "prompt_tokens": 1200,
                "completion_tokens": 300,
                "total_tokens": 1500,
                "prompt_tokens_details": {"cached_tokens": 1024},
                "completion_tokens_details": {"reasoning_tokens": 64},
            },
        }

    def _messages(self, size: int) -> object:
        return {
            "model": self._random.choice(_MODELS),
            "max_tokens": 8192,
            "metadata": {"user_id": f"user_{self._hex(64)}_account__session_{self._uuid()}"},
            "system": [{"type": "text", "text": self._prose(size // 4), "cache_control": {"type": "ephemeral"}}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": self._prose(size // 4)}]},
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "thinking",
                            "thinking": self._prose(size // 8),
                            "signature": base64.b64encode(self._bytes(300)).decode(),
                        },
                        {
                            "type": "tool_use",
                            "id": self._id("toolu_01", 22),
                            "name": "Bash",
                            "input": {"command": "git log --oneline -20 && ls -la"},
                        },
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": self._id("toolu_01", 22),
                            "content": self._code(size // 2),
                        }
                    ],
                },
            ],
        }

    def _messages_response(self, size: int) -> object:
        return {
            "id": self._id("msg_01", 22),
            "type": "message",
            "role": "assistant",
            "model": self._random.choice(_MODELS),
            "content": [{"type": "text", "text": self._prose(size)}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 2095,
                "cache_creation_input_tokens": 0,
                "output_tokens": 503,
                "service_tier": "standard",
            },
            "container": None,
            "request_id": self._id("req_011C", 20),
        }

    def _tool_result(self, size: int) -> object:
        rows = [
            {
                "id": self._uuid(),
                "sha": self._hex(40),
                "node_id": base64.b64encode(
                    f"09:Commit{self._random.randint(1, 10**9)}:{self._hex(40)}".encode()
                ).decode(),
                "html_url": f"https://git.example/acme/app/commit/{self._hex(40)}",
                "created_at": self._time(),
                "title": self._prose(40),
                "labels": ["bug", "auth"],
                "comments": self._random.randint(0, 20),
            }
            for _ in range(max(1, size // 500))
        ]
        return {
            "jsonrpc": "2.0",
            "id": 7,
            "result": {"content": [{"type": "text", "text": json.dumps(rows)}], "isError": False},
        }

    def _stream(self, size: int) -> object:
        events = []
        for word in self._random.choices(_WORDS, k=max(2, size // 150)):
            delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word + " "}}
            events.append(f"event: content_block_delta\ndata: {json.dumps(delta)}\n")
        return "\n".join(events)

    def _telemetry(self, size: int) -> object:
        spans = [
            {
                "traceId": self._hex(32),
                "spanId": self._hex(16),
                "parentSpanId": self._hex(16),
                "name": "chat",
                "kind": 3,
                "startTimeUnixNano": str(1_790_000_000_000_000_000 + self._random.getrandbits(50)),
                "attributes": [
                    {"key": "gen_ai.request.model", "value": {"stringValue": self._random.choice(_MODELS)}},
                    {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "1523"}},
                    {"key": "gen_ai.response.id", "value": {"stringValue": self._id("resp_", 48)}},
                    {
                        "key": "url.full",
                        "value": {"stringValue": "https://api.example.com/v1/responses?api-version=2026-01-01"},
                    },
                    {"key": "session.id", "value": {"stringValue": self._uuid()}},
                ],
            }
            for _ in range(max(1, size // 700))
        ]
        return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "agent", "version": "1.4.2"}, "spans": spans}]}]}

    def _git_log(self, size: int) -> object:
        lines = [
            f"{self._hex(40)} {self._prose(50)}\n    Change-Id: I{self._hex(40)}\n"
            f" diff --git a/x b/x\n index {self._hex(7)}..{self._hex(7)} 100644"
            for _ in range(max(1, size // 220))
        ]
        return {"command": "git log", "stdout": "\n".join(lines), "exit_code": 0}

    def _lock_file(self, size: int) -> object:
        packages = {
            f"node_modules/{self._random.choice(_WORDS)}-{n}": {
                "version": "4.17.21",
                "resolved": f"https://registry.example/p/-/p-{n}.tgz",
                "integrity": "sha512-" + base64.b64encode(self._bytes(64)).decode(),
                "license": "MIT",
                "engines": {"node": ">=18"},
            }
            for n in range(max(1, size // 300))
        }
        return {
            "path": "package-lock.json",
            "content": json.dumps({"lockfileVersion": 3, "packages": packages}, indent=2),
        }

    def _picture(self, size: int) -> object:
        data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + self._bytes(size)).decode()
        return {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": data},
            "image_url": {"url": f"data:image/jpeg;base64,{base64.b64encode(self._bytes(size // 8)).decode()}"},
        }

    def _table(self, size: int) -> object:
        lines = ["id,order_ref,amount,currency,status,updated"]
        lines += [
            f"{self._uuid()},ORD-{self._random.randint(10**5, 10**6)},"
            f"{self._random.random() * 900:.2f},EUR,paid,{self._time()}"
            for _ in range(max(1, size // 90))
        ]
        return {"rows": len(lines), "csv": "\n".join(lines)}

    def _source(self, size: int) -> object:
        return {"path": "lib/module.py", "content": self._code(size), "sha256": self._hex(64), "encoding": "utf-8"}

    def _search_results(self, size: int) -> object:
        return {
            "query": self._prose(40),
            "results": [
                {
                    "title": self._prose(40),
                    "url": f"https://example.com/{self._random.choice(_WORDS)}/{self._uuid()}?utm_source=agent&page={n}#s{n}",
                    "score": self._random.random(),
                    "snippet": self._prose(200),
                    "doc_id": hashlib.sha1(str(n).encode(), usedforsecurity=False).hexdigest(),
                }
                for n in range(max(1, size // 400))
            ],
        }

    def _embedding(self, size: int) -> object:
        return {
            "object": "list",
            "model": "text-embedding-3-small",
            "data": [
                {
                    "object": "embedding",
                    "index": 0,
                    "embedding": [self._random.uniform(-1, 1) for _ in range(max(8, size // 20))],
                }
            ],
        }

    def _web_page(self, size: int) -> object:
        paragraphs = "".join(
            f'<p class="c-{n}">{self._prose(180)} &amp; more&nbsp;&#8212; '
            f'<a href="/wiki/Key_(cryptography)?oldid={n}">key</a></p>\n'
            for n in range(max(1, size // 260))
        )
        return {
            "url": "https://example.org/wiki/Password",
            "html": f"<html><head><title>Password</title></head><body>{paragraphs}</body></html>",
        }

    def _build_log(self, size: int) -> object:
        lines = [
            f"[{self._time()}] INFO  step {n}/40 sha256:{self._hex(64)} "
            f"pulled in {self._random.random() * 9:.3f}s - caf\u00e9 {self._prose(40)}"
            for n in range(max(1, size // 170))
        ]
        return "\n".join(lines)

    def _record(self, size: int) -> object:
        return [
            {
                "timestamp": self._time(),
                "agent_id": "sales\u2011assistant-v1",
                "user_id": f"u_{self._random.randint(1, 10**6)}",
                "endpoint": "api.stripe.com/v1/charges",
                "method": "POST",
                "status": 200,
                "request_hash": f"sha256:{self._hex(64)}",
                "response_hash": f"hmac-sha256:k1:{self._hex(64)}",
                "outcome": "success",
                "correlation_id": self._hex(6),
                "trace_id": self._hex(32),
                "span_id": self._hex(16),
                "provider_request_id": self._id("req_", 24),
                "record_id": self._hex(32),
                "model": self._random.choice(_MODELS),
                "tokens": {"input": 12, "output": 7},
                "request_bytes": size,
            }
            for _ in range(max(1, size // 600))
        ]
