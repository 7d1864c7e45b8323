"""Gaps in what sessions number themselves: an event that was never sent, or never arrived."""

from bisect import bisect_left, bisect_right
from itertools import pairwise

_MAX_SESSIONS = 100_000
_MAX_NAMED = 20


class Sessions:
    """Which numbers of each session were seen: `ranges` that neither meet nor overlap, in order."""

    def __init__(self) -> None:
        self.ranges: dict[str, list[list[int]]] = {}
        self._is_full = False

    def add(self, session: str, number: int) -> None:
        """Take one event's number."""
        self._add(self.ranges.setdefault(session, []), number, number)

    def join(self, more: "Sessions") -> None:
        """Add what was seen further on. `notices` says when there were too many sessions."""
        for session, ranges in more.ranges.items():
            if session in self.ranges or len(self.ranges) < _MAX_SESSIONS:
                own = self.ranges.setdefault(session, [])
                for first, last in ranges:
                    self._add(own, first, last)
            else:
                self._is_full = True

    @staticmethod
    def _add(ranges: list[list[int]], first: int, last: int) -> None:
        place = bisect_left(ranges, first - 1, key=lambda item: item[1])
        end = bisect_right(ranges, last + 1, lo=place, key=lambda item: item[0])
        if place < end:
            first, last = min(first, ranges[place][0]), max(last, ranges[end - 1][1])
        ranges[place:end] = [[first, last]]

    def notices(self) -> list[str]:
        """Return what is missing between the first and the last event of each session."""
        notices: list[str] = []
        gaps = 0
        for session, ranges in self.ranges.items():
            missing = sum(after[0] - before[1] - 1 for before, after in pairwise(ranges))
            if missing:
                gaps += 1
                if len(notices) < _MAX_NAMED:
                    notices.append(
                        f"session {session}: {missing} of its events, between its first and last, are not there"
                    )
        if gaps > len(notices):
            notices.append(f"{gaps - len(notices)} more sessions with gaps")
        if self._is_full:
            notices.append(f"only the first {_MAX_SESSIONS} sessions were looked at for gaps")
        return notices
