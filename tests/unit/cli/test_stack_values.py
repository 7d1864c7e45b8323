"""This project reads a stack file as the Pulumi CLI does."""

import json
from pathlib import Path

import pytest

from cli.exits import CouldNot
from cli.stack_file import StackFile

PULUMI = {
    "0365": "245",
    "365": "365",
    "365.0": "365",
    "365.5": "365.5",
    "1e3": "1000",
    "1_000": "1000",
    "0x16d": "365",
    "0o365": "245",
    "0b11": "3",
    "+5": "5",
    "-5": "-5",
    "": "",
    "~": "",
    "null": "",
    "2027-01-01": "2027-01-01 00:00:00 +0000 UTC",
    "2027-01-01T00:00:00Z": "2027-01-01 00:00:00 +0000 UTC",
    "2027-01-01 10:00:00": "2027-01-01 10:00:00 +0000 UTC",
    "yes": "yes",
    "true": "true",
    "True": "true",
    "on": "on",
    '"0365"': "0365",
    "'x'": "x",
    ".5": "0.5",
    "5.": "5",
    "99999999999999999999": "100000000000000000000",
    "1e400": "1e400",
    "12:30": "12:30",
    "[a, b]": '["a","b"]',
    "[0365, 1.0, true, 2027-01-01, ~]": '[245,1,true,"2027-01-01 00:00:00 +0000 UTC",null]',
    "{a: 1}": '{"a":1}',
    '"2027-01-01"': "2027-01-01",
    "09": "9",
    "0_8": "8",
    "7 # c": "7",
    "1e21": "1e+21",
    "1e20": "100000000000000000000",
    "12345678901234567": "12345678901234567",
    "0.1": "0.1",
    "100000000.0": "100000000",
    "1.5e-7": "1.5e-7",
    "|\n    x": "x\n",
    "sales\u2011assistant-v1": "sales\u2011assistant-v1",
}
"""Text in the file, and what LoadProjectStackBytes of github.com/pulumi/pulumi/sdk/v3 3.274.1 returned for it."""


def _read(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(text, encoding="utf-8")
    return StackFile(path).values()


@pytest.mark.parametrize(("written", "read"), PULUMI.items())
def test_a_value_is_what_pulumi_makes_of_it(tmp_path: Path, written: str, read: str) -> None:
    """A plan must show the number that `pulumi up` deploys."""
    assert _read(tmp_path, f"config:\n  agent-audit-log:k: {written}\n") == {"agent-audit-log:k": read}


def test_a_key_without_the_project_is_the_projects(tmp_path: Path) -> None:
    """Pulumi puts the project's name before a bare key; keys of other namespaces stay."""
    text = "config:\n  aws:region: us-east-1\n  retentionDays: 200\n  profile: &p trial\n  agents:\n    - *p\n"
    assert _read(tmp_path, text) == {
        "aws:region": "us-east-1",
        "agent-audit-log:retentionDays": "200",
        "agent-audit-log:profile": "trial",
        "agent-audit-log:agents": json.dumps(["trial"]),
    }


@pytest.mark.parametrize("key", ["retentionDays", "agent-audit-log:retentionDays", "envelope"])
def test_a_setting_outside_of_config_is_refused(tmp_path: Path, key: str) -> None:
    """Pulumi ignores such a key silently: the log would be locked for another time than the file says."""
    with pytest.raises(CouldNot, match=rf"{key}: must stand under `config:`"):
        _read(tmp_path, f"{key}: 30\nconfig:\n  aws:region: us-east-1\n")


@pytest.mark.parametrize(
    ("written", "says"), [(".inf", "not a number"), (".nan", "not a number"), ("{secure: v1:abc}", "encrypted")]
)
def test_what_pulumi_refuses_is_refused(tmp_path: Path, written: str, says: str) -> None:
    """The error names the key and not the value."""
    with pytest.raises(CouldNot, match=f"agent-audit-log:k: is .*{says}") as caught:
        _read(tmp_path, f"config:\n  agent-audit-log:k: {written}\n")
    assert "v1:abc" not in caught.value.message


@pytest.mark.parametrize("written", ["2027-13-01", "2027-02-30", "2027-01-01T25:00:00Z"])
def test_an_impossible_date_is_named(tmp_path: Path, written: str) -> None:
    """No value of a stack file causes a traceback."""
    with pytest.raises(CouldNot, match="is not YAML: "):
        _read(tmp_path, f"config:\n  agent-audit-log:k: {written}\n")
