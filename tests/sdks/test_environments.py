"""The environments of the SDKs: pinned by hash, and never taken for there when they are not."""

import re
from pathlib import Path

import pytest

from components import downloads
from localcloud.dependencies import SetUpError
from localcloud.kits import DEMO, Kit
from tests.sdks.kits import ALL, LOCKS, OTEL

KITS = [pytest.param(kit, id=kit.name) for kit in (DEMO, *ALL)]


@pytest.mark.parametrize("kit", KITS)
def test_locks_pin_by_hash_and_name_no_place(kit: Kit) -> None:
    """Each package has a version and hashes; where it is downloaded from is the user's own setting."""
    text = kit.lock.path.read_text(encoding="utf-8")
    packages = re.split(r"\n(?=[a-z])", text.strip())
    assert len(packages) > 10
    assert all(re.match(r"[a-z0-9][a-z0-9._-]*==", package) and "--hash=sha256:" in package for package in packages)
    assert "/" not in text
    assert "--index" not in text


def test_every_list_is_a_kit_that_the_suite_sets_up() -> None:
    """What is not in `ALL` is downloaded by several workers at once."""
    assert {kit.name for kit in ALL} == {path.stem for path in LOCKS.glob("*.lock")}


def test_what_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an index the set-up fails with the reason, each time: a half of it is not taken for the whole."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_NO_CACHE_DIR": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(downloads, "PAUSES", ())
    for _ in range(2):
        with pytest.raises(SetUpError, match="the package index does not answer"):
            OTEL.bring(tmp_path)
