"""Runs a Pulumi program, in a process of its own, against an engine that is already listening.

Reads one JSON object from standard input, a line of its own: `directory project stack monitor preview config
secret_keys`. The configuration comes that way and not through the environment because it may hold secrets. Standard
input then stays open for as long as the engine lives; its end means that the engine died, and ends the program too.
Exit: 0 the program ran to its end; 1 it failed, and an error was logged to the engine.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.stack import run_in_stack

_ENGINE_GONE = 75


def main() -> int:
    """Run the program that standard input names."""
    gc.disable()  # what the SDK imports is built of small objects that all stay; looking through them takes a tenth
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_engine, daemon=True).start()
    directory = Path(task["directory"])
    pulumi.runtime.set_all_config(task["config"], task["secret_keys"])
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=task["project"],
            stack=task["stack"],
            monitor=task["monitor"],
            engine=task["monitor"],
            dry_run=task["preview"],
            organization="organization",
            root_directory=str(directory.parent),
        )
    )
    # The SDK waits for the engine to take each of its own debugging lines, hundreds of them, and nobody reads one.
    pulumi.log.debug = _say_nothing
    sys.argv = [str(directory)]
    # This file's own folder came first, and would give the program this package's modules by their bare names.
    sys.path[0] = str(directory)
    # Futures that a failed program leaves behind are not worth a word; its failure is reported below.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return _run(directory)


def _run(directory: Path) -> int:
    def program() -> None:
        # The file, not its folder: from that it would be taken from Python's cache when it changed twice in a second.
        runpy.run_path(str(directory / "__main__.py"), run_name="__main__")

    try:
        asyncio.run(run_in_stack(program))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
    except SystemExit as error:
        if error.code in (None, 0):
            return 0
        pulumi.log.error(f"the program ended with {error.code!r}")
    except Exception as error:  # noqa: BLE001 - whatever a program raises is reported and ends it
        pulumi.log.error(_report(error, directory))
    else:
        return 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 1


def _report(error: BaseException, directory: Path) -> str:
    """Format an error for the program's author: from the program's own first frame on, if it has one."""
    frames: Any = traceback.extract_tb(error.__traceback__)
    own = [index for index, frame in enumerate(frames) if Path(frame.filename).is_relative_to(directory)]
    lines = traceback.format_list(frames[own[0] :]) if own else []
    return "".join([*lines, *traceback.format_exception_only(error)]).rstrip()


def _say_nothing(*_: object, **__: object) -> None:
    pass


def _die_with_engine() -> None:
    # Straight from the descriptor: a daemon thread inside a buffered read would abort the interpreter's own end.
    while os.read(0, 1):
        pass
    os._exit(_ENGINE_GONE)


if __name__ == "__main__":
    sys.exit(main())
