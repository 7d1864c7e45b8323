"""Pulumi programs that start within milliseconds, forked from a process that has imported the SDK already.

The engine starts `python entry.py` for each run, which costs more than the rest of most tests. Within `warm_programs`
it starts `client.py` instead, which asks `server.py` to fork a child with its folder, environment and streams.
The tests in tests/local/shell start programs in the ordinary way, as `make up` does.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from localcloud.engine import program

HERE = Path(__file__).parent
ADDRESS = "WARM_PROGRAMS"


@contextlib.contextmanager
def warm_programs(folder: Path) -> Iterator[None]:
    """Let the engines of this process fork their programs, where the system can watch a process (Linux)."""
    if not hasattr(os, "pidfd_open"):
        yield
        return
    entry, address = program._ENTRY, folder / "socket"
    command = [sys.executable, "-u", str(HERE / "server.py"), str(address), str(entry)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        with contextlib.ExitStack() as stack:
            stack.callback(server.terminate)
            stack.callback(setattr, program, "_ENTRY", entry)
            stack.callback(os.environ.pop, ADDRESS)
            program._ENTRY = HERE / "client.py"
            os.environ[ADDRESS] = str(address)
            yield
