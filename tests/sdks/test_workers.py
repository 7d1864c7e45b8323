"""Pools of workers that end their processes without a word: no call of theirs is lost."""

import os
import signal
import subprocess
import time
from pathlib import Path

from tests.sdks import scenarios
from tests.sdks.backend import Backend
from tests.sdks.conftest import Python
from tests.sdks.kits import CELERY
from tests.sdks.running import PROGRAMS, run

CALLS = 12
_SECONDS = 60.0


def test_celery_workers_that_serve_one_task_each(backend: Backend, python_of: Python, tmp_path: Path) -> None:
    """Celery's prefork children end by `os._exit` a moment after their task: all that they logged arrives."""
    python = python_of(CELERY)
    for name in ("queue", "control"):
        (tmp_path / name).mkdir()
    env = {
        **scenarios.place(python, backend, tmp_path / "home").env,
        "AUDIT_LOG_ENDPOINT": backend.url,
        "AUDIT_LOG_TOKEN": backend.token,
        "TASKS_FOLDER": str(tmp_path),
        "C_FORCE_ROOT": "1",
    }
    env["PYTHONPATH"] = f"{env['PYTHONPATH']}{os.pathsep}{PROGRAMS}"
    queued = run(
        [python, "-c", f"import celery_tasks\nfor number in range({CALLS}): celery_tasks.call.delay(number)"], env=env
    )
    assert queued.code == 0, queued.err
    command = [str(python), "-m", "celery", "-A", "celery_tasks", "worker", "--concurrency=2", "--loglevel=INFO",
               "--max-tasks-per-child=1", "--without-gossip", "--without-mingle"]  # fmt: skip
    said = tmp_path / "said"
    with said.open("wb") as out:
        worker = subprocess.Popen(command, env=env, cwd=tmp_path, stdout=out, stderr=out, start_new_session=True)
    try:
        deadline = time.monotonic() + _SECONDS
        while len(backend.records) < CALLS and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        os.killpg(worker.pid, signal.SIGTERM)
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
    called = {str(record["endpoint"]).rpartition("/")[2] for record in backend.records}
    assert called == {str(number) for number in range(CALLS)}, said.read_text("utf-8")[-2000:]
