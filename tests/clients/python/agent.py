"""An agent's program, for tests that end it in one way or another.

Arguments: endpoint, spool, how it ends, and how many calls it records. It prints `ready` when it has recorded them.
"""

import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from audit_log_client import AuditLog

CHILDREN = 4


def record(log: AuditLog, count: int, start: int = 0) -> None:
    """Record calls, numbered."""
    for number in range(start, start + count):
        log.record(endpoint="https://api.example.com/x", status=200, attributes={"sequence": number})


def record_anew(endpoint: str, spool: str, count: int, start: int) -> None:
    """Record calls with a log of the child's own."""
    record(AuditLog(endpoint, "aal_of-the-agent", spool=spool, exit_timeout=5.0), count, start)


def fork(log: AuditLog, count: int, *, close: bool) -> None:
    """Record in one child or several, which end by `os._exit`."""
    children = 1 if close else CHILDREN
    for child in range(1, children + 1):
        if os.fork() == 0:
            record(log, count, start=child * count)
            if close:
                log.close()
            os._exit(0)
    for _ in range(children):
        os.wait()


def start_a_process(how: str, log: AuditLog, count: int) -> None:
    """Record in a child of `multiprocessing`, with the parent's log or with one of its own."""
    own = (sys.argv[1], sys.argv[2], count, count)
    if how == "pool":
        with ProcessPoolExecutor(1, max_tasks_per_child=1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(record_anew, *own).result()
        return
    if how == "multiprocessing":
        worker: Any = multiprocessing.get_context("fork").Process(target=record, args=(log, count, count))
    else:
        context: Any = multiprocessing.get_context(how)
        worker = context.Process(target=record_anew, args=own)
    worker.start()
    worker.join()


def record_without_a_name(endpoint: str, spool: str, count: int) -> None:
    """Record with logs that the program keeps no reference to."""
    for number in range(count):
        AuditLog(endpoint, "aal_of-the-agent", spool=f"{spool}/{number}", exit_timeout=5.0).record(
            endpoint="https://api.example.com/x", attributes={"sequence": number}
        )


def main() -> None:
    """Run."""
    endpoint, spool, end, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if end == "unnamed":
        record_without_a_name(endpoint, spool, count)
        return
    log = AuditLog(endpoint, "aal_of-the-agent", spool=spool, exit_timeout=5.0, send_every=0.05)
    record(log, count)
    if end.startswith("fork and"):
        fork(log, count, close=end == "fork and close")
    elif end == "os._exit":
        os._exit(5)
    elif end == "os._exit while it works":
        threading.Timer(0.001, os._exit, (5,)).start()
        time.sleep(60)
    elif end in {"multiprocessing", "fork", "spawn", "forkserver", "pool"}:
        start_a_process(end, log, count)
    elif end == "hang":
        time.sleep(0.05)  # what the background thread needs, on a busy machine
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(60)
    elif end == "raise":
        raise SystemExit(3)


if __name__ == "__main__":
    main()
