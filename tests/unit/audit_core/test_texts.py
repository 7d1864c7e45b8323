"""The short texts of a request: masked together as each would be alone, and under one budget."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_core.masking import PLACEHOLDER, CustomRules, Masker
from audit_core.masking.budget import ALLOWANCE, REQUEST_ALLOWANCE, Budget
from audit_core.masking.jsontext import find_documents, may_hold_documents
from audit_core.masking.texts import UNSCANNABLE, Texts

MASKER = Masker()
TOKEN = "ghp_" + "k3VZr8Qm1TzWx7Lc9Nd2Hs5Yb4Gf6Jp0RtAe"
EXAMPLES: tuple[Any, ...] = (
    "gpt-5", "u_12345", "bob@example.com", TOKEN, f"see {TOKEN}", '{"password": "hunter2hunter2"}', "data: x", "", "x",
    ["stop", TOKEN], ["stop"], {"token": TOKEN}, 5, 5.5, 4155550123, f"q={TOKEN.replace('_', '%5F')}",
)  # fmt: skip
PATHS = ("", "/user_id", "/endpoint", "/trace_id", "/api_key", "/phone", "/attributes/tags")


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(EXAMPLES) | st.text(max_size=40)), max_size=12))
def test_together_as_alone(items: list[tuple[str, Any]]) -> None:
    """What many values come out as is what each comes out as by itself, redactions and all."""
    together = MASKER.mask_each(items, Budget(0))
    assert together == [MASKER.mask_value(value, path=path) for path, value in items]


@given(
    st.sampled_from(EXAMPLES).filter(lambda example: isinstance(example, str)) | st.text(' \n{}[]"da:1', max_size=12)
)
def test_a_text_that_seems_to_hold_no_document_holds_none(text: str) -> None:
    """What saves looking for documents never hides one."""
    data = text.encode()
    assert may_hold_documents(data) or not list(find_documents(data))


def test_what_was_not_expected_is_masked_too() -> None:
    """To announce a text saves time and changes nothing."""
    texts = Texts(MASKER, Budget(0))
    texts.prefetch("/user_id", "bob@example.com")
    texts.fetch()
    alone = Texts(MASKER, Budget(0))
    for ask in (texts, alone):
        assert ask.mask("/user_id", "bob@example.com") == MASKER.mask_text("bob@example.com", path="/user_id")
        assert ask.mask("/user_id", TOKEN)[0] == PLACEHOLDER
        assert ask.mask("/stream", None) == (None, ())


@pytest.mark.parametrize("value", [["\ud800"], {"a": 10**400}, ["x", {"\udfff": TOKEN}]])
def test_what_json_cannot_hold_is_masked_too(value: Any) -> None:  # noqa: ANN401 - JSON, nearly
    """Half a character and a huge number have no key to be remembered by. They are masked on their own."""
    masked, _ = Texts(MASKER, Budget(0)).mask("", value)
    assert TOKEN not in repr(masked)


def test_over_the_budget_nothing_is_shown() -> None:
    """When the work of a request is used up, what is left of it is replaced, and says so; no text slips through."""
    texts = Texts(MASKER, Budget(0, 20_000))
    hostile = [f"{number} token=9f8a7b6c5d4e3f2a1b0c " * 20 for number in range(50)]
    for text in hostile:
        texts.prefetch("", text)
    texts.fetch()
    results = [texts.mask("", text) for text in hostile]
    assert results[-1][0] == PLACEHOLDER
    assert [redaction.rule for redaction in results[-1][1]] == [UNSCANNABLE]
    assert not any("9f8a7b6c5d4e3f2a1b0c" in str(masked) for masked, _ in results)


def test_the_same_request_comes_out_the_same() -> None:
    """What was masked before, by whom, and what is remembered of it, changes nothing."""
    hostile = [f"{number} https://u:p@h/?k=v&token=x# " * 10 for number in range(200)]

    def masked() -> list[object]:
        texts = Texts(MASKER, Budget(0, 2_000_000))
        for text in hostile:
            texts.prefetch("", text)
        texts.fetch()
        return [texts.mask("", text) for text in hostile]

    first = masked()
    MASKER.mask_value([*hostile])
    assert masked() == first


@pytest.mark.parametrize(
    "line", [f"SECRET_%d={TOKEN}", "PASSWORD_%d=xK9#mQ2$vL7z", TOKEN + "%d", "t%d: bob%d@example.com"]
)
def test_dense_secrets_are_masked_one_by_one(line: str) -> None:
    """A file of nothing but secrets, 64 KB of them, is no attack: each is masked where it stands."""
    count = 64_000 // (len(line) + 4)
    text = "\n".join(line.replace("%d", str(number)) for number in range(count))
    masked, redactions = MASKER.mask_text(text)
    assert redactions
    assert masked.count(PLACEHOLDER) >= 0.99 * count
    assert masked.count("\n") == count - 1


def test_ordinary_metadata_is_far_below_the_budget() -> None:
    """Ten thousand events, each with another e-mail address, take less than a request may."""
    budget = Budget(0, 10**12)
    MASKER.mask_each([("/user_id", f"user{number}@example.com") for number in range(10_000)], budget)
    assert budget.used < REQUEST_ALLOWANCE + 3 * 10_000 * 400 - 10**6


def test_a_budget_within_another_pays_from_both() -> None:
    """Many payloads of one request share what they may cost."""
    shared = Budget(0)
    Budget(0, within=shared).take(100)
    Budget(0, within=shared).spend(1)
    assert shared.used > 100
    assert shared.left == ALLOWANCE - shared.used


def test_a_name_that_tells() -> None:
    """A name tells by itself that any value under it must go, or does not."""
    masker = Masker(custom=CustomRules(key_names=("tenant",)))
    assert masker.names_secret("db_password") == "key/password"
    assert masker.names_secret("tenant") == "key/custom"
    assert masker.names_secret("max_tokens") is None
    assert masker.names_secret("token") is None
