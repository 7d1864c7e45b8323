"""The program's process: started with a clean SDK, watched, and ended with the run."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from localcloud.engine.errors import ProgramError, ProgramTimeoutError
from localcloud.engine.report import Listener, Message

_ENTRY = Path(__file__).with_name("entry.py")
_POLL_SECONDS = 0.05
_GRACE_SECONDS = 5.0
_TAIL_LINES = 20


class Program:
    """One run of the Pulumi program in `directory`, as `python` runs it there."""

    def __init__(self, directory: Path, task: Mapping[str, Any], listener: Listener) -> None:
        """Start it with `task`, which `entry.py` describes. Raise ProgramError if there is no program, or no start."""
        directory = directory.absolute()
        if not (directory / "__main__.py").is_file():
            raise ProgramError(f"there is no program in {directory} (no __main__.py)")
        self._listener = listener
        self._tail: list[str] = []
        try:
            self._process = subprocess.Popen(
                [sys.executable, str(_ENTRY)],
                cwd=directory,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # An interrupt from the keyboard reaches the engine alone, which then ends the program in its own time.
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramError(f"the program could not be started: {error.strerror}") from error
        self._readers = [
            threading.Thread(target=self._pump, args=(self._process.stdout, False), daemon=True),
            threading.Thread(target=self._pump, args=(self._process.stderr, True), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        if self._process.stdin is not None:
            # A process that died at once breaks the pipe; `wait` then says how it ended.
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps({**task, "directory": str(directory)}).encode() + b"\n")
                self._process.stdin.flush()

    def wait(self, *, seconds: float, stop: Callable[[], bool]) -> bool:
        """Wait for the end. Returns whether it ended well; False also when `stop` became true first.

        Raises:
            ProgramTimeoutError: it did not end within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while (code := self._process.poll()) is None:
            if stop():
                return False
            if time.monotonic() > deadline:
                raise ProgramTimeoutError(f"the program did not end within {seconds:g} s")
            try:
                self._process.wait(_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                continue
        for reader in self._readers:
            reader.join(_GRACE_SECONDS)
        return code == 0

    def failure(self) -> str:
        """Describe an end that no log line explains."""
        code = self._process.poll()
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return "\n".join([f"the program {how}", *self._tail])

    def end(self) -> None:
        """Make sure that it is gone."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None and stream is not self._process.stdin:
                stream.close()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _pump(self, stream: IO[bytes] | None, is_error: bool) -> None:  # noqa: FBT001
        for raw in stream or ():
            line = raw.decode(errors="replace").rstrip("\n")
            if is_error:
                self._tail = [*self._tail, line][-_TAIL_LINES:]
            self._listener(Message(severity="output", text=line))


def _environment() -> dict[str, str]:
    """Give the program this environment without what would reach into the SDK; loopback never goes through a proxy."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    return kept | {"PYTHONUNBUFFERED": "1", "no_grpc_proxy": "127.0.0.1"}
