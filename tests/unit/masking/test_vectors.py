"""The published vectors are what the masker does, and our own identifiers are never touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit_core.masking import Masker, Redaction

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "masking.json").read_text(encoding="utf-8"))["cases"]
MASKER = Masker()


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_a_published_vector(case: dict[str, Any]) -> None:
    """Value in, masked value and redactions out, as published."""
    masked, redactions = MASKER.mask_value(case["value"])
    assert masked == case["masked"]
    assert list(redactions) == [Redaction(**redaction) for redaction in case["redactions"]]


@pytest.mark.parametrize(
    "text",
    [
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256:" + "9f86d081884c7d65" * 4,
        "hmac-sha256:k1:" + "9f86d081884c7d65" * 4,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "req_011CQ9XZk3VZr8Qm1TzWx7Lc",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "call_abc123DEF456ghi789JKL012",
        "toolu_01A09q90qw90lq917835lq9",
        "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "gpt-5.2-2025-12-11",
        "claude-sonnet-4-5-20250929",
        "2026-06-30T12:34:56.789Z",
        "1.4.2-rc.1+build.5",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "sales\u2011assistant-v1",
        "api.stripe.com/v1/charges",
        "u_12345",
        "c9f8e7",
        "fp_44709d6fcb",
        "file-abc123DEF456ghi789JKL012",
        "thread_abc123DEF456ghi789JKL0",
        "records/dt=2026-06-30/9f86d081884c7d659a2feaa0c55ad015.jsonl.gz",
        "arn:aws:iam::123456789012:role/agent-audit-log-local-writer",
        "1790000000000000000",
    ],
)
@pytest.mark.parametrize("key", ["note", "id", "correlation_id", "provider_request_id", "request_hash"])
def test_identifiers_digests_and_times_are_never_masked(text: str, key: str) -> None:
    """What records consist of comes through unchanged, under any key of theirs and in a sentence."""
    assert MASKER.mask_value({key: text}) == ({key: text}, ())
    assert MASKER.mask_text(f"see {text}, please") == (f"see {text}, please", ())
