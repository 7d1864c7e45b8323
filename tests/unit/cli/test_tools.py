"""`digest` and `redact` need no deployed stack and no network."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audit_core.masking import Masked, Masker
from cli.main import main


def _run(*arguments: str, stdin: str | bytes | None = None) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, list(arguments), input=stdin)
    return done.exit_code, done.stdout, done.stderr


def test_a_digest_is_over_the_canonical_form_without_secrets() -> None:
    """Order, spacing and the values of secret fields make no difference."""
    expected = hashlib.sha256(b'{"amount":1,"password":"***REDACTED***"}').hexdigest()
    for text in ('{"amount":1,"password":"a"}', '{ "password": "other",\n "amount": 1.0 }\n'):
        assert _run("digest", "-", stdin=text) == (0, f"sha256:{expected}\n", "")


def test_what_is_not_json_is_digested_as_it_is() -> None:
    """Byte for byte."""
    code, out, _ = _run("digest", "-", "--json", stdin=b"\xff\x00 text")
    assert code == 0
    assert json.loads(out)["digest"] == f"sha256:{hashlib.sha256(bytes([255, 0]) + b' text').hexdigest()}"


def test_ambiguous_json_has_no_digest() -> None:
    """A key that stands twice means two different things to two readers."""
    code, _, err = _run("digest", "-", stdin='{"a":1,"a":2}')
    assert code == 2
    assert "digest" in err


@pytest.mark.parametrize("command", ["digest", "redact"])
def test_a_missing_file_is_one_line(tmp_path: Path, command: str) -> None:
    """The file is named, the exit code is 2."""
    code, out, err = _run(command, str(tmp_path / "gone"))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "gone" in err


def test_masking_shows_what_is_left_and_where_it_was() -> None:
    """The masked payload on standard output, the places on standard error, the rules when asked."""
    payload = '{"user":"me","api_key":"not to be seen"}'
    code, out, err = _run("redact", "-", stdin=payload)
    assert code == 0
    assert json.loads(out) == {"user": "me", "api_key": "***REDACTED***"}
    assert err == "/api_key\n"
    assert _run("redact", "-", "--explain", stdin=payload)[2].startswith("/api_key: key/")


def test_jsonl_answers_every_line_in_order() -> None:
    """One JSON object a line; a line that is none is told so, and the exit code says it."""
    lines = ['{"n":1}', '{"n":2,"password":"pst"}', "no json", '"ghp_R7vQ2mXc9LpZ4tKdW1sYhB6nJf0GaEu3iOqT"', "[4]"]
    code, out, _ = _run("redact", "-", "--jsonl", stdin="\n".join(lines) + "\n")
    assert code == 1
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["masked"] for answer in answers] == [
        {"n": 1}, {"n": 2, "password": "***REDACTED***"}, None, "***REDACTED***", [4],
    ]  # fmt: skip
    assert answers[1]["redactions"][0]["path"] == "/password"
    assert answers[2]["error"] == "is not JSON"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder, which is the working directory, with a stack `prod` that has rules of its own."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: agent-audit-log\n")
    (tmp_path / "stacks" / "Pulumi.prod.yaml").write_text(
        "config:\n  agent-audit-log:personalData: 'off'\n  agent-audit-log:maskRules:\n"
        "    - key patientId\n    - pattern badge \\bbadge-([0-9]{6})\\b\n    - allow AKIA[A-Z0-9]{12}TEST\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_stacks_own_rules_are_what_redact_applies(project: Path) -> None:
    """The default is the local stack; without a stack file only the built-in rules apply."""
    payload = '{"patientId":"p1","note":"badge-123456","mail":"ada@example.com"}'
    kept = '{"patientId":"p1","note":"badge-123456","mail":"***REDACTED***"}'
    assert _run("redact", "-", stdin=payload)[:2] == (0, kept)
    masked = '{"patientId":"***REDACTED***","note":"badge-***REDACTED***","mail":"ada@example.com"}'
    code, out, err = _run("redact", "-", "--stack", "prod", "--explain", stdin=payload)
    assert (code, out) == (0, masked)
    assert "/note: custom/badge\n" in err
    assert "ada" not in _run("redact", "-", "--stack", "prod", "--personal", "mask", stdin=payload)[1]
    (project / "stacks" / "Pulumi.prod.yaml").rename(project / "stacks" / "Pulumi.local.yaml")
    assert _run("redact", "-", stdin=payload)[:2] == (0, masked)


def test_invalid_rules_are_named(project: Path) -> None:
    """The error names the file, the rule and the reason, in one line."""
    path = project / "stacks" / "Pulumi.prod.yaml"
    path.write_text("config:\n  agent-audit-log:maskRules: [secret]\n")
    code, out, err = _run("redact", "-", "--stack", "prod", stdin="{}")
    assert (code, out) == (2, "")
    assert "Pulumi.prod.yaml: maskRules: must be 'key <name>'" in err
    assert _run("redact", "-", "--stack", "gone", stdin="{}")[0] == 2


@pytest.mark.parametrize("fault", [ValueError, MemoryError, RecursionError])
def test_a_line_at_which_the_masker_fails_costs_no_other(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """The next lines are masked; the exit code reports the failure, and standard error names the line."""
    real = Masker.mask_bytes

    def fail(self: Masker, data: bytes, **options: Any) -> Masked:  # noqa: ANN401 - as it comes
        if b"hunter2" in data:
            raise fault("cannot take hunter2")
        return real(self, data, **options)

    monkeypatch.setattr(Masker, "mask_bytes", fail)
    code, out, err = _run("redact", "-", "--jsonl", stdin='[1]\n\n{"a":"hunter2"}\n{"password":"pst"}\n')
    assert code == 1
    first, second, third = map(json.loads, out.splitlines())
    assert (first["masked"], second["masked"], third["masked"]) == ([1], None, {"password": "***REDACTED***"})
    assert second["error"].startswith(f"the masker failed: {fault.__name__}")
    assert err.startswith("-: line 3: the masker failed")
    assert "hunter2" not in out + err
    code, out, err = _run("redact", "-", stdin="hunter2")
    assert (code, out) == (2, "")
    assert "hunter2" not in err


def test_what_needs_no_masking_stays_byte_for_byte() -> None:
    """Not a space, not a digit is moved."""
    payload = b'{ "b" : 1.50, "a":"\xe2\x80\x91" }\n'
    assert CliRunner().invoke(main, ["redact", "-"], input=payload).stdout_bytes == payload


KEY = bytes(range(32))


@pytest.mark.parametrize("whole", [True, False])
def test_a_keyed_digest_with_a_key_from_a_file(tmp_path: Path, *, whole: bool) -> None:
    """One ring of keys, or all of a stack's; no stack is asked."""
    ring = {"current": "mine-1", "keys": {"mine-1": base64.b64encode(KEY).decode()}}
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"digest": ring, "pseudonym": ring} if whole else ring), encoding="utf-8")
    form = b'{"amount":1,"password":"***REDACTED***"}'
    expected = f"hmac-sha256:mine-1:{hmac.digest(KEY, form, 'sha256').hex()}\n"
    assert _run("digest", "-", "--key-file", str(keys), stdin='{"password":"x","amount":1}') == (0, expected, "")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"current":"k","keys":{"k":"hunter2-secret"}}', '{"digest":{"keys":{}}}', None]
)
def test_a_key_file_that_is_none(tmp_path: Path, content: str | None) -> None:
    """It is named, with what is wrong; nothing of it is shown."""
    keys = tmp_path / "keys.json"
    if content is not None:
        keys.write_text(content, encoding="utf-8")
    code, out, err = _run("digest", "-", "--key-file", str(keys), stdin="x")
    assert (code, out) == (2, "")
    assert "keys.json" in err
    assert "hunter2" not in err
