"""How long a version had to be locked when it was stored: the retention rules, each since when the sealer knew of it.

Promise: an object is judged by the rule of its own time. So a change of the retention raises no alarm for what was
stored before it, and excuses nothing. The rules come from this function's own configuration and not from the bucket's,
which somebody may have changed. A rule begins at S3's time of a file that is put once and locked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from audit_core.layout import RULE_KEY, RULES
from audit_core.sealing import RULE_BODY
from log_sealer.bucket import Bucket, RefusedError, Version

_MIME = "application/json"
_DIGITS = 4
_CHANGING = timedelta(hours=1)
"""For which either rule may hold: the bucket and this function do not change in the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A number of days of retention, from a time on."""

    since: datetime
    days: int


def required_days(rules: Sequence[Rule], stored_at: datetime) -> int:
    """For how many days what was stored then must be locked. `rules`: in the order of time; the first held before too.

    Within an hour of a change it is the shorter of both.
    """
    ends = [later.since for _, later in pairwise(rules)]
    in_force = [
        rule.days
        for number, rule in enumerate(rules)
        if (number == 0 or rule.since <= stored_at + _CHANGING)
        and (number == len(ends) or ends[number] > stored_at - _CHANGING)
    ]
    return min(in_force)


def rules_of(bucket: Bucket, days: int, *, alarm: Callable[[str, str], None]) -> list[Rule]:
    """Return the stored rules in the order of time. Store a rule of `days` first where the newest is another one.

    Raise an alarm for each file that is not a rule, and skip it.
    """
    rules: list[Rule] = []
    names: set[str] = set()
    for rows in bucket.versions(RULES):
        key = rows[0].key
        names.add(key)
        rule = _rule(bucket, rows) if RULE_KEY.fullmatch(key) else None
        if rule is None:
            alarm("conflict", key)
        else:
            rules.append(rule)
    rules.sort(key=lambda rule: rule.since)
    if not rules or rules[-1].days != days:
        key = next(key for number in range(len(names) + 1) if (key := f"{RULES}{number:0{_DIGITS}}") not in names)
        bucket.create(key, b'{"retention_days":%d}' % days, mime=_MIME)
        put = next(bucket.versions(key))
        rules.append(Rule(since=put[0].stored_at, days=days))
    return rules


def _rule(bucket: Bucket, rows: Sequence[Version]) -> Rule | None:
    """Return the rule in the first version of a file, or null where it is not a rule."""
    first = next((row for row in rows if not row.marker), None)
    try:
        stored = None if first is None else bucket.read(rows[0].key, version=first.version)
    except RefusedError:
        return None
    if stored is None or (match := RULE_BODY.fullmatch(stored.body)) is None:
        return None
    return Rule(since=stored.stored_at, days=int(match[1]))
