"""Gaps in what sessions number themselves: an event that was never sent, or never arrived."""

from bisect import bisect_right
from itertools import pairwise

_MAX_SESSIONS = 100_000
_MAX_TOLD = 20


class Sessions:
    """Which numbers of each session were seen, as ranges; so many sessions at most, the rest is told."""

    def __init__(self) -> None:
        self._ranges: dict[str, list[list[int]]] = {}
        self._left_out = 0

    def add(self, session: str, number: int) -> None:
        """Take one event's number."""
        if session not in self._ranges and len(self._ranges) >= _MAX_SESSIONS:
            self._left_out += 1
            return
        ranges = self._ranges.setdefault(session, [])
        place = bisect_right(ranges, number, key=lambda item: item[0])
        if place and ranges[place - 1][1] >= number:
            return
        joins_left = place > 0 and ranges[place - 1][1] == number - 1
        joins_right = place < len(ranges) and ranges[place][0] == number + 1
        if joins_left and joins_right:
            ranges[place - 1][1] = ranges[place][1]
            del ranges[place]
        elif joins_left:
            ranges[place - 1][1] = number
        elif joins_right:
            ranges[place][0] = number
        else:
            ranges.insert(place, [number, number])

    def notices(self) -> list[str]:
        """What is missing between the first and the last of each session."""
        told: list[str] = []
        gaps = 0
        for session, ranges in self._ranges.items():
            missing = sum(after[0] - before[1] - 1 for before, after in pairwise(ranges))
            if missing:
                gaps += 1
                if len(told) < _MAX_TOLD:
                    told.append(
                        f"session {session}: {missing} of its events, between its first and last, are not there"
                    )
        if gaps > len(told):
            told.append(f"{gaps - len(told)} more sessions with gaps")
        if self._left_out:
            told.append(f"{self._left_out} events of more than {_MAX_SESSIONS} sessions were not looked at for gaps")
        return told
