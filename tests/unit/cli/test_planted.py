"""A planted secret is found in whatever dress it was stored, and never planted twice."""

import base64
import binascii
import string
import urllib.parse
from datetime import UTC, datetime

import pytest

from cli.checks.intake import digest_forms
from cli.checks.planted import found_in, planted_call, refused_calls

AT = datetime(2026, 6, 30, 12, 34, 56, tzinfo=UTC)
SECRET = "sk_live_" + string.ascii_letters[:32]
DRESSES = {
    "as it is": SECRET.encode(),
    "a stretch": SECRET[10:22].encode(),
    "reversed": SECRET[::-1].encode(),
    "URL-encoded": urllib.parse.quote("a b/" + SECRET, safe="").encode(),
    "hex": binascii.hexlify(SECRET.encode()),
    "HEX": binascii.hexlify(SECRET.encode()).upper(),
    **{f"base64 at {n}": base64.b64encode(b"x" * n + SECRET.encode() + b"y" * n) for n in range(5)},
    **{f"base64url at {n}": base64.urlsafe_b64encode(b"\xff" * n + SECRET.encode() + b"\xfe" * n) for n in range(5)},
}


@pytest.mark.parametrize("dress", DRESSES)
def test_a_secret_is_found_in_every_dress(dress: str) -> None:
    """Raw, in part, backwards, and encoded at any alignment."""
    assert found_in(SECRET, b"before " + DRESSES[dress] + b" after") is not None


def test_what_is_not_there_is_not_found() -> None:
    """A placeholder, a digest and eleven letters are no secret."""
    assert found_in(SECRET, b"***REDACTED*** sha256:" + b"0" * 64 + SECRET[:11].encode()) is None


def test_every_run_plants_new_secrets() -> None:
    """A value that an earlier run stored could hide what this one stored."""
    runs = [planted_call(run_id="1", part="known", at=AT) for _ in range(2)]
    assert not set(runs[0].everything.values()) & set(runs[1].everything.values())


def test_each_planted_secret_is_in_the_call() -> None:
    """A secret that is not sent proves nothing by being nowhere."""
    call = planted_call(run_id="1", part="known", at=AT)
    sent = repr(call.event) + repr(call.headers)
    assert all(value in sent for value in call.everything.values())
    for refused in refused_calls(at=AT):
        assert all(value in repr(refused.event) for value in refused.planted.values())


def test_planted_secrets_are_in_no_representation() -> None:
    """A traceback of the checklist does not spread what it planted."""
    call = refused_calls(at=AT)[0]
    assert not any(value in repr(call.planted.keys()) for value in call.planted.values())


def test_digest_forms_hold_no_secret_field() -> None:
    """The form that the digest is over has the placeholder where the secret was."""
    call = planted_call(run_id="1", part="known", at=AT)
    form = digest_forms(call)["request"]
    assert call.planted["payload field"].encode() not in form
    assert call.planted["request header"].encode() not in form
    assert call.content.encode() in form
