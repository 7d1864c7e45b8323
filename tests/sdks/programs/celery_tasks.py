"""Tasks that log, for a real Celery worker. `TASKS_FOLDER` has its queue, `AUDIT_LOG_…` the log's settings."""

import os

from celery import Celery

from audit_log_client import AuditLog

FOLDER = os.environ["TASKS_FOLDER"]
app = Celery("celery_tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={
        "data_folder_in": f"{FOLDER}/queue",
        "data_folder_out": f"{FOLDER}/queue",
        "control_folder": f"{FOLDER}/control",
    },
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
)
log = AuditLog()


@app.task
def call(number: int) -> None:
    """Log one call, and end at once."""
    log.record(endpoint=f"https://api.example.com/{number}", method="POST", status=200)
