"""Strict decoding and the canonical form, the latter against the `rfc8785` package."""

import json
import math
import random
from collections.abc import Iterable

import orjson
import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from audit_core.canonical import (
    DUPLICATE_KEY,
    MAX_DEPTH,
    NOT_JSON,
    TOO_DEEP,
    JsonValue,
    canonical,
    decode_json,
    has_duplicate_key,
    nests_deeper,
)
from audit_core.errors import DecodeError
from audit_core.fields_1 import SecretFields, is_secret_field
from audit_core.patterns import compile_bytes

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
AWKWARD_KEYS = st.sampled_from(
    ["", "a", "A", "é", "\ue000", "\uffff", "\U0001f600", "\U00010000", "\u2028", "\x00", '"']
)
NUMBERS = st.one_of(
    st.integers(-(2**64), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e-3, 1e-3),
    st.sampled_from([0.0, -0.0, 1.0, 1e16, 1e21, 1e-7, 5e-324, 2**53, 2**53 - 1, -(2**53), 0.1, 333333333.33333329]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | AWKWARD_KEYS, inner, max_size=4),
    max_leaves=12,
)


def as_doubles(value: JsonValue) -> JsonValue:
    """Read numbers as ECMAScript does, so that the other implementation takes the ones that it would refuse."""
    if isinstance(value, dict):
        return {key: as_doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return float(value)
    return value


@given(VALUES)
@example({"\U0001f600": 1, "\uffff": 2})
@example([1.0, -0.0, 1e20, 1e21, 123456789012345680, 0.000001, 1e-7])
def test_canonical_is_rfc_8785(value: JsonValue) -> None:
    """Both paths write what the reference implementation writes."""
    assert canonical(value) == rfc8785.dumps(as_doubles(value))


@given(VALUES)
def test_canonical_is_stable(value: JsonValue) -> None:
    """What was written reads back to something that is written the same."""
    once = canonical(value)
    assert canonical(decode_json(once)) == once


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("1.0", "1"),
        ("1E5", "100000"),
        ("-0.0", "0"),
        ("9007199254740993", "9007199254740992"),
        ("12345678901234567890", "12345678901234567000"),
        ("1e21", "1e+21"),
        ("0.0000001", "1e-7"),
        ("0.000001", "0.000001"),
    ],
)
def test_numbers_are_doubles(number: str, written: str) -> None:
    """Numbers come out as ECMAScript writes them, beyond 2^53 too."""
    assert canonical(decode_json(number.encode())) == written.encode()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=40))
@example([0.5] * 7 + [1.0])
@example([0.5] * 7 + [-1.5e-6])
@example([-1e17] + [0.5] * 7)
@example([0.5] * 7 + [-0.0])
def test_vectors_are_rfc_8785(numbers: list[float]) -> None:
    """A list of floats, which is judged as a whole, comes out as the reference writes it."""
    assert canonical({"embedding": [*numbers]}) == rfc8785.dumps({"embedding": numbers})


SMALL = st.floats(min_value=1e-6, max_value=1e-5) | st.floats(min_value=-1e-5, max_value=-1e-6)


@given(st.lists(SMALL | st.integers(-(2**60), 2**60).map(float) | st.floats(-1, 1), min_size=1, max_size=12))
@example([1e-6, -1e-6, 9.999999999999999e-06, 1e-5, 9e-6, -1.5e-6, 2.0**53, -(2.0**53) - 2])
@example([2.0**53] * 9)
@example([-0.0, 1.0, 2.0] * 3)
def test_long_vectors_are_rfc_8785(numbers: list[float]) -> None:
    """The same of thousands of numbers, which are written some at a time; an embedding has some that are odd."""
    vector = numbers * (3_000 // len(numbers))
    assert canonical([[*vector], *numbers]) == rfc8785.dumps([vector, *numbers])


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_vectors_refuse_what_json_cannot_say(odd: float) -> None:
    """One number that is none is found among many."""
    with pytest.raises(DecodeError):
        canonical([0.5, 0.25, odd, *[0.5] * 8])


@pytest.mark.parametrize("value", [math.inf, math.nan, "\ud800", {"\udfff": 1}, 10**400])
def test_canonical_refuses_what_json_cannot_say(value: JsonValue) -> None:
    """What has no canonical form raises, and never falls back to something like it."""
    with pytest.raises(DecodeError):
        canonical([value])


@given(VALUES)
def test_decode_reads_what_json_reads(value: JsonValue) -> None:
    """On unambiguous text the strict decoder agrees with the standard library's."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert decode_json(text.encode()) == as_doubles_beyond_64_bits(json.loads(text))


def as_doubles_beyond_64_bits(value: JsonValue) -> JsonValue:
    """The one difference: integers that no machine word holds are doubles."""
    if isinstance(value, dict):
        return {key: as_doubles_beyond_64_bits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_doubles_beyond_64_bits(item) for item in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return float(value)
    return value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"[1,]",
        b"{} {}",
        b"01",
        b"'a'",
        b'"\x01"',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"1e400",
        b"9" * 5000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 10_000,
    ],
    ids=range(22),
)
def test_decode_refuses_what_is_not_json(text: bytes) -> None:
    """Anything outside RFC 8259 and I-JSON is refused, however deep, without a crash."""
    with pytest.raises(DecodeError) as caught:
        decode_json(text)
    assert caught.value.reason == NOT_JSON


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_depth_is_bounded_exactly(opening: str) -> None:
    """`MAX_DEPTH` arrays or objects inside one another are read, one more is not."""
    closing = "]" if opening == "[" else "}"
    deepest = (opening * (MAX_DEPTH - 1) + "[]" + closing * (MAX_DEPTH - 1)).encode()
    assert not nests_deeper(decode_json(deepest))
    assert canonical(decode_json(deepest)) == deepest
    with pytest.raises(DecodeError) as caught:
        decode_json(opening.encode() + deepest + closing.encode())
    assert caught.value.reason == TOO_DEEP
    with pytest.raises(DecodeError) as caught:
        canonical(orjson.loads(opening.encode() + deepest + closing.encode()))
    assert caught.value.reason == TOO_DEEP


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '[{"b":{"a":1,"c":2,"a":3}}]',
        '{"a":":","a":"::"}',
        '{"a":1,"\\u0061":2}',
        '{"a":"\\u003a","a":1}',
        '{"x":"\\u003a\\u003A","a":1,"a":2,"a":3}',
        '{"":1,"":2}',
        '{"a:b":1,"a:b":2}',
        '[[[{"k":[{"a":1,"a":{}}]}]]]',
        '{"a":[{"b":1,"b":2}],"a":1}',
        '{"\u00e9":1,"\\u00e9":2}',
    ],
)
def test_decode_refuses_the_same_key_twice(text: str) -> None:
    """A key that comes twice in one object is found at any depth, however it is spelled."""
    with pytest.raises(DecodeError) as caught:
        decode_json(text.encode())
    assert caught.value.reason == DUPLICATE_KEY


@pytest.mark.parametrize(
    "text", ['{"a":1,"A":2}', '[{"a":1},{"a":1}]', '{"a":{"a":1}}', '{"a":"\\u003a","b":"\\u003A:"}']
)
def test_equal_keys_of_different_objects_are_fine(text: str) -> None:
    """Only one object's own keys must differ."""
    assert decode_json(text.encode()) == json.loads(text)


PAIRS = st.recursive(
    st.sampled_from(["1", '":"', '"\\u003a"', '"\\u003A:"', '"\\\\u003a"', "1.5", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(['"a"', '"\\u0061"', '":"', '"b"', '""']), inner), max_size=3).map(
            lambda pairs: "{" + " ,".join(f"{key} : {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=10,
)


@given(PAIRS)
def test_duplicate_keys_are_found_exactly(text: str) -> None:
    """Counting colons comes to the same verdict as looking at every pair."""
    found = False

    def look(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal found
        found = found or len(dict(pairs)) != len(pairs)
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    assert has_duplicate_key(text.encode(), orjson.dumps(orjson.loads(text))) is found


@pytest.mark.parametrize("number", [1.0, -0.0, 1.5e-6, 1e16, 2.5e20, 2**53 + 2, -(2**63)])
def test_a_number_wherever_it_stands(number: float) -> None:
    """Alone behind much text: long texts are searched some at a time, and a number may lie across two of those."""
    for length in range(65_500, 65_560):
        values: list[JsonValue] = [["x" * length, number], {"a": "x" * length, "b": number, "c": "x"}]
        for value in values:
            assert canonical(value) == rfc8785.dumps(as_doubles(value))


def test_where_exponents_begin() -> None:
    """About each power of ten, each number is written as `rfc8785` writes it, alone and in a long list."""
    chance = random.Random(1)  # noqa: S311 - test data
    numbers: list[float] = []
    for power in range(-30, 30):
        for digits in (1.0, 9.999999999999999, *(chance.uniform(1, 10) for _ in range(5))):
            number = float(f"{digits!r}e{power}")
            numbers += [number, -number, math.nextafter(number, 0), math.nextafter(number, math.inf)]
    for number in numbers:
        assert canonical(number) == rfc8785.dumps(number)
    listed: list[JsonValue] = [*numbers, 2**53 - 1, 0, 7]
    assert canonical(listed) == rfc8785.dumps(listed)
    assert canonical([*listed, 2**60]) == rfc8785.dumps([*listed, float(2**60)])
    assert canonical([*listed * 20, None]) == rfc8785.dumps([*listed * 20, None])


class OnlyA:
    """The one name `a`."""

    in_json = b'"a":'

    def among(self, keys: Iterable[str]) -> set[str]:
        """It, where it is one of them."""
        return {"a"}.intersection(keys)


@pytest.mark.parametrize("hides", [None, OnlyA()])
def test_what_is_hidden(hides: OnlyA | None) -> None:
    """Under a key that hides, whatever its other keys are, stands what takes its place; the value stays as it was."""
    for keys in (("b",), ("\U0001f600",), ("\U0001f600", "\uffff"), ('"', "\n\U0001f600", "\\\uffff")):
        inner: JsonValue = [{"a": 1.0, "d": 5.0}, "x", [[{"a": [1]}], []]]
        value: JsonValue = {"a": {"c": 1}, **dict.fromkeys(keys, inner)}
        kept: JsonValue = inner if hides is None else [{"a": "-", "d": 5.0}, "x", [[{"a": "-"}], []]]
        shown: JsonValue = {"a": {"c": 1} if hides is None else "-", **dict.fromkeys(keys, kept)}
        before = orjson.dumps(value)
        assert canonical(value, hides=hides, stand_in="-") == rfc8785.dumps(shown)
        assert orjson.dumps(value) == before


LOOKALIKES = st.sampled_from(
    ["1.0,", ",-0.0]", "9.1e-6", ":1e+17}", "[12345678901234567890,", '",1.0,"', "\\", '\\",-0.0,']
)


@given(st.lists(LOOKALIKES | NUMBERS | st.dictionaries(LOOKALIKES, LOOKALIKES | NUMBERS, max_size=2), max_size=12))
def test_what_stands_in_strings_stays(items: list[JsonValue]) -> None:
    """Only numbers are written anew, whatever the strings and keys beside them look like."""
    assert canonical(items) == rfc8785.dumps(as_doubles(items))


def test_more_strings_than_are_taken_at_once() -> None:
    """Among very many strings the numbers are found all the same, in each stretch of them."""
    assert canonical(["1.0,", 1.0, 9.5e-6] * 70_000) == b"[%b]" % b",".join([b'"1.0,",1,0.0000095'] * 70_000)


@pytest.mark.parametrize("name", ["token", "ToKen", "t-o_k.e n", " token", "token.", "X-CSRF_token"])
def test_every_spelling_of_a_secret_field_is_found(name: str) -> None:
    """What the search of a text takes for a secret field is what one name alone is taken for."""
    for key, secret in ((name, True), (f"{name}s_", False), (f"{name}\n", False), (f":{name}", False)):
        text = orjson.dumps({"a": "x", key: [{"b": 1}]})
        found = compile_bytes(SecretFields().in_json).search(text) is not None
        assert found is is_secret_field(key) is secret
        assert SecretFields().among(["a", key]) == ({key} if secret else set())


def test_a_key_that_ends_like_a_secret_field_hides_nothing() -> None:
    """A quote in a key does not make a field of what follows it."""
    value: JsonValue = {'"token': {"b": 1}, "a": ['{"token":1}']}
    assert canonical(value, hides=SecretFields(), stand_in="-") == rfc8785.dumps(value)
