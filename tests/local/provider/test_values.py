"""Values and comparisons, without a cloud: what the wire carries, and what counts as a difference."""

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import struct_pb2

from localcloud.provider.cloud import ProviderError
from localcloud.provider.package import content_hash, zip_bytes
from localcloud.provider.policy import same_json, same_policy
from localcloud.provider.schema import block, check, diff, integer, listing, mapping, settle, text, unordered
from localcloud.provider.values import UNKNOWN, Archive, Asset, ValueFormatError, decode, encode, has_unknown

SIGNATURE = "4dabf18193072939515e22adb298388d"


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "",
        True,
        False,
        0,
        -3,
        2.5,
        [],
        {},
        [1, "a", [True]],
        {"a": {"b": [1]}},
        UNKNOWN,
        [UNKNOWN, {"a": UNKNOWN}],
        Asset(text="", hash="00"),
        Asset(path="a/b", hash=""),
        Archive(path="a.zip", hash="00"),
        Archive(assets={"a": Asset(text="x"), "b": Archive(path="c.zip")}),
    ],
)
def test_a_value_survives_the_wire(value: Any) -> None:  # noqa: ANN401 - any property value
    """What is encoded is decoded as the same, with or without a secret's mark."""
    assert decode(encode({"v": value})).values == {"v": value}
    marked = decode(encode({"v": value}, secrets=frozenset({"v"})))
    assert (marked.values, marked.secrets) == ({"v": value}, frozenset({"v"}))


def test_what_is_absent_is_left_out() -> None:
    """None is not sent, on the top or inside."""
    assert decode(encode({"a": None, "b": {"c": None}})).values == {"b": {}}


def _special(signature: str, **fields: str) -> struct_pb2.Struct:
    out = struct_pb2.Struct()
    out.fields["v"].struct_value.fields[SIGNATURE].string_value = signature
    for name, value in fields.items():
        out.fields["v"].struct_value.fields[name].string_value = value
    return out


def test_output_values_are_unwrapped() -> None:
    """An engine may send outputs with their dependencies: a value, a secret, or nothing known yet."""
    output = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
    assert decode(_special(output, value="x")).values == {"v": "x"}
    assert decode(_special(output)).values == {"v": UNKNOWN}
    secret = _special(output, value="x")
    secret.fields["v"].struct_value.fields["secret"].bool_value = True
    assert decode(secret).secrets == {"v"}


@pytest.mark.parametrize(
    "struct",
    [
        _special("5cf8f73096256a8f31e491e813e4eb8e", urn="u"),
        _special("nobody-knows"),
        _special("c44067f5952c0a294b673a41bacd8c17", uri="https://example.com/a"),
        _special("0def7320c3a5731c473e5ecbe6d01bc7", uri="https://example.com/a.zip"),
    ],
)
def test_values_that_no_resource_takes_are_refused(struct: struct_pb2.Struct) -> None:
    """A reference to a resource, an unknown signature, a file on another machine."""
    with pytest.raises(ValueFormatError):
        decode(struct)


def test_has_unknown_looks_inside() -> None:
    """Unknown values are found at any depth."""
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": [{"b": "unknown"}]})


SCHEMA = {
    "fixed": text(force_new=True),
    "name": text(required=True),
    "count": integer(default=3),
    "rule": block({"days": integer(), "mode": text(default="soft")}),
    "rules": listing(block({"id": text(required=True), "days": integer()})),
    "actions": unordered(text()),
    "chosen": text(computed=True),
    "kept": text(echoed=True),
    "spot": block({"place": text()}, force_new=True),
    "tags": mapping(force_new=True),
}


def _paths(state: dict[str, Any], news: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {change.path: (change.kind, change.replace) for change in diff(SCHEMA, state, news)}


def test_check_fills_in_defaults_at_every_depth() -> None:
    """Defaults are part of the checked inputs."""
    values, failures = check(SCHEMA, {"name": "n", "rule": {"days": 1}, "__defaults": ["x"], "chosen": None})
    assert failures == []
    assert values == {"name": "n", "count": 3, "rule": {"days": 1, "mode": "soft"}}


def test_check_names_everything_that_is_wrong_at_once() -> None:
    """Each failure has the path to the value."""
    _, failures = check(
        SCHEMA,
        {"rule": {"weeks": 1}, "rules": [{"id": "a"}, {"days": "x"}], "tags": {"a": 1}, "actions": "a", "other": 1},
    )
    assert sorted(failure.path for failure in failures) == [
        "actions", "name", "other", "rule.weeks", "rules[1].days", "rules[1].id", "tags.a",
    ]  # fmt: skip


def test_a_failure_never_shows_a_value_of_the_wrong_type() -> None:
    """What was put into the wrong place may be a secret."""
    _, failures = check(SCHEMA, {"name": "n", "count": "hunter2"})
    assert "hunter2" not in failures[0].reason
    assert "a string" in failures[0].reason


@pytest.mark.parametrize(
    ("state", "news", "expected"),
    [
        ({"name": "a"}, {"name": "a"}, {}),
        ({"name": "a"}, {"name": "b"}, {"name": ("update", False)}),
        ({"fixed": "a"}, {"fixed": "b"}, {"fixed": ("update", True)}),
        ({}, {"fixed": "b"}, {"fixed": ("add", True)}),
        ({"fixed": "b"}, {}, {"fixed": ("delete", True)}),
        ({"name": ""}, {}, {}),
        ({"actions": []}, {}, {}),
        ({"tags": {}}, {}, {}),
        ({"actions": ["a", "b"]}, {"actions": ["b", "a"]}, {}),
        ({"actions": ["a", "a"]}, {"actions": ["a", "b"]}, {"actions": ("update", False)}),
        ({"rule": {"days": 1}}, {"rule": {"days": 2}}, {"rule.days": ("update", False)}),
        ({"rule": {"days": 1, "hours": 2}}, {"rule": {"days": 1}}, {"rule.hours": ("delete", False)}),
        ({"rules": [{"id": "a"}]}, {"rules": [{"id": "b"}]}, {"rules[0].id": ("update", False)}),
        ({"rules": [{"id": "a"}]}, {"rules": [{"id": "a"}, {"id": "b"}]}, {"rules": ("update", False)}),
        ({"rules": [{"id": "a"}, {"id": "b"}]}, {"rules": [{"id": "b"}, {"id": "a"}]}, 2),
        ({"tags": {"a": "1", "b": "1"}}, {"tags": {"a": "2", "c": "1"}}, 3),
        ({"chosen": "by the cloud"}, {}, {}),
        ({"chosen": "by the cloud"}, {"chosen": "by us"}, {"chosen": ("update", False)}),
        ({"name": "a"}, {"name": UNKNOWN}, {"name": ("update", False)}),
        ({"arn": "an output"}, {}, {}),
    ],
)
def test_differences(state: dict[str, Any], news: dict[str, Any], expected: dict[str, tuple[str, bool]] | int) -> None:
    """Each difference has its path, its kind, and whether it replaces; what means the same is none."""
    found = _paths(state, news)
    assert len(found) == expected if isinstance(expected, int) else found == expected


def test_a_difference_inside_what_is_fixed_replaces() -> None:
    """What cannot be changed cannot be changed in part."""
    assert _paths({"tags": {"a": "1"}}, {"tags": {"a": "2"}}) == {"tags.a": ("update", True)}
    assert _paths({"spot": {"place": "1"}}, {"spot": {"place": "2"}}) == {"spot": ("update", True)}


def test_settle_keeps_the_spelling_that_was_asked_for() -> None:
    """Where the cloud answers the same in other words, the state keeps ours; where it differs, the cloud's."""
    wanted = {"actions": ["b", "a"], "name": "ours", "kept": "echo", "chosen": UNKNOWN}
    actual = {"actions": ["a", "b"], "name": "theirs", "chosen": "cloud", "arn": "x"}
    assert settle(SCHEMA, wanted, actual) == {
        "actions": ["b", "a"], "name": "theirs", "kept": "echo", "chosen": "cloud", "arn": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ({"Action": "a"}, {"Action": ["a"]}, True),
        ({"Action": ["a", "b"]}, {"Action": ["b", "a"]}, True),
        ({"Statement": [{"Sid": "a"}, {"Sid": "b"}]}, {"Statement": [{"Sid": "b"}, {"Sid": "a"}]}, True),
        ({"Condition": {"Bool": {"x": True}}}, {"Condition": {"Bool": {"x": "true"}}}, True),
        ({"Condition": {"NumericEquals": {"x": 1}}}, {"Condition": {"NumericEquals": {"x": "1"}}}, True),
        ({"Action": "a"}, {"Action": "A"}, False),
        ({"Action": ["a", "a"]}, {"Action": ["a"]}, False),
        ({"Effect": "Allow"}, {"Effect": "Deny"}, False),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}, False),
    ],
)
def test_policies_are_compared_by_meaning(left: dict[str, Any], right: dict[str, Any], *, same: bool) -> None:
    """IAM reads one and a list of one alike, and lists without order; nothing else is taken for the same."""
    assert same_policy(json.dumps(left), json.dumps(right, indent=1)) is same


def test_json_is_compared_by_value() -> None:
    """Spacing and key order are nothing; the order of a list and the type of a value are something."""
    assert same_json('{"a": 1, "b": [1]}', '{"b":[1],"a":1}')
    assert not same_json('{"a": [1, 2]}', '{"a": [2, 1]}')
    assert not same_json('{"a": 1}', '{"a": true}')
    assert not same_json("not json", "other")
    assert same_json("not json", "not json")


def test_an_archive_is_its_content(tmp_path: Path) -> None:
    """The same files give the same bytes from a folder, from named members, at any time and in any order."""
    folder = tmp_path / "code"
    (folder / "pkg").mkdir(parents=True)
    (folder / "app.py").write_text("a = 1\n")
    (folder / "pkg" / "data.txt").write_text("data")
    os.utime(folder / "app.py", (0, 0))
    nested = tmp_path / "pkg.zip"
    nested.write_bytes(zip_bytes(Archive(assets={"data.txt": Asset(text="data")})))
    members = Archive(assets={"pkg": Archive(path=str(nested)), "app.py": Asset(path=str(folder / "app.py"))})
    assert zip_bytes(Archive(path=str(folder))) == zip_bytes(members)
    with zipfile.ZipFile(io.BytesIO(zip_bytes(members))) as found:
        assert {entry.date_time for entry in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {name: found.read(name) for name in found.namelist()} == {
            "app.py": b"a = 1\n", "pkg/data.txt": b"data",
        }  # fmt: skip
    changed = Archive(assets={"pkg": Archive(path=str(nested)), "app.py": Asset(text="a = 2\n")})
    assert content_hash(members) != content_hash(changed)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing member is an error about that member."""
    with pytest.raises(ProviderError, match=r"missing\.py"):
        zip_bytes(Archive(assets={"a": Asset(path=str(tmp_path / "missing.py"))}))
