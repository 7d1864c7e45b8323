"""`find` finds every record that was received in a period, whatever date it was filed under."""

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from cli.find import Printer, Shown, _stored
from cli.main import main
from cli.query import Query
from cli.reader import LogReader

STORED = datetime(2026, 6, 30, 12, 40, tzinfo=UTC)


class Bucket:
    """A bucket with one object, as S3's client shows it."""

    def __init__(self, day: str, stamp: str) -> None:
        self._key = f"records/dt={day}/{'ab' * 20}.jsonl.gz"
        self._body = gzip.compress(json.dumps({"timestamp": stamp, "agent_id": "a"}).encode() + b"\n")

    def get_paginator(self, _: str) -> "Bucket":
        """Return the only list that `find` asks for."""
        return self

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        """Yield one page."""
        row = {"Key": self._key, "VersionId": "v", "LastModified": STORED, "Size": len(self._body)}
        yield {"Versions": [row]}

    def get_object(self, **_: object) -> dict[str, Any]:
        """Return the only version."""
        return {"Body": io.BytesIO(self._body)}


@pytest.mark.parametrize(
    ("day", "stamp"),
    [
        ("2026-06-30", "1970-01-01T12:21:51.913730532Z"),
        ("1970-01-01", "1970-01-01T12:21:51.913730532Z"),
        ("2999-01-01", "2999-01-01T00:00:00Z"),
        ("2026-06-30", "2026-06-30T12:00:00Z"),
    ],
)
@pytest.mark.parametrize("is_open", [True, False])
def test_what_came_in_a_period_is_found(
    capsys: pytest.CaptureFixture[str], day: str, stamp: str, *, is_open: bool
) -> None:
    """Earlier versions filed some records under dates that cannot be right: these are found, too."""
    since, until = STORED - timedelta(hours=1), STORED + timedelta(hours=1)
    wanted = Query(since=since, until=None if is_open else until)
    shown = Shown(limit=None)
    reader = LogReader(Bucket(day, stamp), "log")
    Printer(as_json=True, shown=shown).all(_stored(reader, wanted), wanted)
    assert (shown.records, shown.findings) == (1, 0)
    assert stamp in capsys.readouterr().out


def test_what_came_later_is_not_read() -> None:
    """`find` skips an object of a later day that was stored after the period."""
    wanted = Query(until=STORED - timedelta(days=1))
    reader = LogReader(Bucket("2026-06-30", "2026-06-30T12:00:00Z"), "log")
    assert list(_stored(reader, wanted)) == []


@pytest.mark.parametrize(("since", "until"), [("1h", "2h"), ("2026-06-30", "2026-06-30"), ("2026-07-01", "2026-06-30")])
def test_a_period_that_ends_before_it_begins_is_refused(since: str, until: str) -> None:
    """It would find nothing, as if no call had been made."""
    result = CliRunner().invoke(main, ["find", "--since", since, "--until", until])
    assert result.exit_code == 2
    assert "--until: must be later than --since" in result.output
