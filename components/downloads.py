"""Run pip so that a slow index or a busy machine does not stop a set-up.

Guarantees: one download at a time in a checkout; a failed one is tried again, each time after a longer pause; every
attempt ends in a bounded time; a failure comes with pip's own last reason. Within an attempt pip itself retries
connections and resumes a file that was cut off; between attempts its cache keeps each complete file.
Standard library only: this runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PAUSES: Final = (1.0, 4.0, 10.0)
"""Seconds before the second, third and fourth attempt."""
ATTEMPT_SECONDS: Final = 900.0
# Settings of pip that would put the packages elsewhere. Where pip downloads from stays the user's choice.
_MISDIRECTED: Final = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIREMENT", "PIP_CONSTRAINT")
_OFFLINE: Final = re.compile(
    r"NewConnectionError|ProxyError|Failed to establish a new connection|name resolution|Network is unreachable"
    r"|No route to host|Connection refused"
)
# A second attempt changes nothing: pip itself has retried the connection, and bytes stay what they are.
_FINAL: Final = re.compile(rf"{_OFFLINE.pattern}|DO NOT MATCH THE HASHES|No space left")
_SLOW: Final = re.compile(
    r"Time-?out|timed out|IncompleteRead|incomplete-download|Connection interrupted"
    r"|HTTP error 50\d|50\d (?:Server Error|error responses)",
    re.IGNORECASE,
)
_NOISE: Final = ("WARNING:", "[notice]", "hint:", "note:")
UNREACHABLE: Final = "the package index does not answer; check the network, then run this again"
AGAIN: Final = "trying again in"
"""The beginning of the line that announces the next attempt."""


class DownloadError(Exception):
    """pip failed at every attempt; the message is one line for a person."""


@contextlib.contextmanager
def one_at_a_time(cache: Path, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the one lock for downloads of the checkout with this cache folder. Call `waiting` if another holds it."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "downloads.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def pip(
    command: Sequence[str], *, log: Path, folder: Path | None = None, see: Callable[[str], None] = lambda _: None
) -> None:
    """Run a pip command in `folder`; `see` gets each line, and `log` keeps the lines of the last attempt.

    Raise DownloadError, or OSError when the command or the log cannot be opened.
    """
    for pause in (*PAUSES, None):
        code = _attempt(command, log, folder, see)
        if code == 0:
            return
        text = log.read_text(encoding="utf-8")
        if pause is None or _FINAL.search(text):
            raise DownloadError(reason(text) or f"pip ended with {code} and gave no reason")
        see(f"{AGAIN} {pause:.0f} s: {reason(text)}")
        time.sleep(pause)


def reason(text: str) -> str:
    """Return the reason in what pip printed: one line, empty if there is none."""
    if _OFFLINE.search(text) or ("from versions: none" in text and not _SLOW.search(text)):
        return UNREACHABLE
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(_NOISE)]
    found = [number for number, line in enumerate(lines) if line.startswith(("ERROR:", "error:"))]
    last = lines[found[-1] if found else -1] if lines else ""
    if last == "ERROR: Exception:":  # a traceback follows, and its last line names the exception
        last = lines[-1]
    elif last.startswith("error:") and last != lines[-1]:  # a short code, which the next line explains
        last = lines[found[-1] + 1]
    last = last.removeprefix("ERROR:").removeprefix("error:").lstrip("\u00d7 ")
    return f"{last}; the package index is slow or cuts off, run this again" if last and _SLOW.search(text) else last


def _attempt(command: Sequence[str], log: Path, folder: Path | None, see: Callable[[str], None]) -> int:
    """Run pip once; return its exit code. Kill it when its time is over."""
    environment = {key: value for key, value in os.environ.items() if key not in _MISDIRECTED}
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w", encoding="utf-8") as record,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            cwd=folder,
        ) as process,
    ):
        clock = threading.Timer(ATTEMPT_SECONDS, process.kill)
        clock.start()
        try:
            for line in process.stdout or ():
                record.write(line)
                see(line)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            overdue = clock.finished.is_set()
            clock.cancel()
        if overdue and code:
            record.write(f"ERROR: not done after {ATTEMPT_SECONDS:.0f} s\n")
    return code
