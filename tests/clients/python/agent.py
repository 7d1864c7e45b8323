"""An agent's program, for tests that end it in one way or another.

Arguments: endpoint, spool, how it ends, and how many calls it records. It prints `ready` when it has recorded them.
"""

import multiprocessing
import os
import sys
import time

from audit_log_client import AuditLog


def record(log: AuditLog, count: int, start: int = 0) -> None:
    """Record calls, numbered."""
    for number in range(start, start + count):
        log.record(endpoint="https://api.example.com/x", status=200, attributes={"sequence": number})


def main() -> None:
    """Run."""
    endpoint, spool, end, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    if end == "unnamed":
        for number in range(count):
            AuditLog(endpoint, "aal_of-the-agent", spool=f"{spool}/{number}", exit_timeout=5.0).record(
                endpoint="https://api.example.com/x", attributes={"sequence": number}
            )
        return
    log = AuditLog(endpoint, "aal_of-the-agent", spool=spool, exit_timeout=5.0, send_every=0.05)
    record(log, count)
    if end == "fork":
        child = os.fork()
        if child == 0:
            record(log, count, start=count)
            log.close()
            os._exit(0)
        os.waitpid(child, 0)
    elif end == "multiprocessing":
        worker = multiprocessing.get_context("fork").Process(target=record, args=(log, count, count))
        worker.start()
        worker.join()
    elif end == "hang":
        time.sleep(0.05)  # what the background thread needs, on a busy machine
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        time.sleep(60)
    elif end == "raise":
        raise SystemExit(3)


if __name__ == "__main__":
    main()
