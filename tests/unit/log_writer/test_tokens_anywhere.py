"""A documented token is stored in no field and under no name, whatever stands beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.log_writer.harness import EVENT, MemoryStore, Post

TOKENS = (
    "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe",
    "AKIA" + "K3VZR7QMTZWX2LCN",
    "xoxb-" + "2349871234-k3VZr8Qm1TzWx7Lc9Nd2",
    "npm_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe",
    "glpat-" + "k3VZr8Qm1TzWx7Lc9Nd2",
    "sk-ant-api03-" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe-k3VZr8Qm1T",
    "AIza" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtA",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
)
SIGNS = "._-:/@+=~|,;()[]{}<>'\"`!#$%^&*? "
FIELDS = (
    *("user_id", "correlation_id", "session_id", "agent_id", "agent_name", "agent_version", "deployment_id"),
    *("trace_id", "span_id", "provider_request_id", "request_mime", "response_mime", "model", "endpoint"),
)
ATTRIBUTES = ("tool_name", "span_name", "tags", "host_name", "commit", "note")


@pytest.mark.parametrize("token", TOKENS, ids=[token[:6] for token in TOKENS])
def test_no_field_and_no_name_stores_a_token(post: Post, store: MemoryStore, token: str) -> None:
    """After `config` and each sign, before each sign, in fields, attributes, lists, paths and names."""
    for sign in SIGNS:
        text = f"config{sign}{token}"
        other = f"{token}{sign}x"
        events: list[dict[str, Any]] = [EVENT | {name: text} for name in FIELDS]
        events += [EVENT | {name: other} for name in FIELDS]
        events += [EVENT | {"attributes": {name: [text, other]}} for name in ATTRIBUTES]
        events += [EVENT | {"attributes": {name: 1}} for name in (text, other)]
        events += [EVENT | {"endpoint": f"https://api.example.com/v1/{part}/x"} for part in (text, other)]
        events += [EVENT | {"endpoint": f"https://{part}.example.com/v1"} for part in (f"a.{token}", token)]
        reply = post(events)
        assert reply.status == 200
        assert len(store.records) == len(events)
        assert not [line for line in store.lines if token in line.decode() or token.lower() in line.decode()]
        store.objects.clear()
