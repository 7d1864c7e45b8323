"""`make demo`, once, as a person runs it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from localcloud import emulator as emulators
from tests.local.shell.person import Place


@pytest.mark.long
def test_every_step_goes_as_it_must(tmp_path: Path, fresh_checkout: Callable[[Path], Path]) -> None:
    """It ends with 0, and names the record whose byte was flipped."""
    place = Place(checkout=fresh_checkout(tmp_path))
    try:
        answer = place.run("localcloud.demo")
    finally:
        emulators.stop(state_dir=place.checkout / ".local" / "emulator")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert re.search(r"^installing \d+ packages \(OpenAI's client.* MB to download$", answer.stdout, re.MULTILINE)
    assert "from openai import OpenAI" in answer.stdout
    assert '"model":"demo-model"' in answer.stdout
    record_id = re.findall(r'"record_id":"([^"]+)"', answer.stdout)[0]
    assert re.search(rf"^  tampering: altered: records/\S+: .*record {record_id}", answer.stdout, re.MULTILINE)
    assert re.search(rf"^  good: record {record_id} is entry", answer.stdout, re.MULTILINE)
    assert "AccessDenied" in answer.stdout
    assert "\x1b" not in answer.stdout
