"""The local cloud: how long it takes to come up and to be run again, and a post to the writer in it.

It comes up in a copy of the sources and is stopped again; a local cloud that is running here stays as it is.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
import httpx

from benchmarks.calls import make_calls
from benchmarks.measure import ROOT, TIMES, BenchmarkError, Row, seconds
from localcloud import emulator as emulators
from localcloud.deployer import ROOT_KEY

# It logs one line, as the writer does: the emulator waits 50 ms for a first line of a function that logs none, and
# an empty function would seem slower than the writer.
_EMPTY: Final = """def handler(event, context):
    print("called", flush=True)
    return {"statusCode": 200, "body": "{}"}
"""
_NAME: Final = "empty-function"
_LONGEST_POST: Final = 10_000
_OK: Final = 200
_SOURCES: Final = ("cli", "clients", "components", "lambda", "localcloud", "policies", "stacks")
_UP_SECONDS: Final = 300


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when `make up` fails, or a post is not answered with 200."""
    with _checkout() as checkout:
        first = seconds(lambda: _up(checkout))
        again = seconds(lambda: _up(checkout))
        outputs = json.loads((checkout / ".local" / "outputs.json").read_bytes())
        writer, empty = _posts(outputs, 5 if quick else 150)
    return [
        Row(name="make up, everything installed", value=first, unit="s"),
        Row(name="make up again", value=again, unit="s"),
        Row(name="post to the writer, p50", value=1000 * median(writer), unit="ms"),
        Row(name="post to the writer, p50, to an empty function", value=median(writer) / median(empty), unit=TIMES),
        Row(name="post to the writer, p99", value=1000 * _p99(writer), unit="ms"),
        Row(name="post to the writer, p99, to an empty function", value=_p99(writer) / _p99(empty), unit=TIMES),
    ]


@contextmanager
def _checkout() -> Iterator[Path]:
    """Yield a copy of the sources with the packages fetched already; stop the local cloud in it, and remove it."""
    with tempfile.TemporaryDirectory(prefix="agent-audit-log-") as temporary:
        checkout = Path(temporary) / "checkout"
        checkout.mkdir()
        for name in _SOURCES:
            shutil.copytree(ROOT / name, checkout / name)
        shutil.copy(ROOT / "Pulumi.yaml", checkout)
        (ROOT / ".cache").mkdir(exist_ok=True)
        (checkout / ".cache").symlink_to(ROOT / ".cache")
        try:
            yield checkout
        finally:
            emulators.stop(state_dir=checkout / ".local" / "emulator")


def _up(checkout: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "localcloud.up"],
        check=False,
        capture_output=True,
        text=True,
        cwd=checkout,
        timeout=_UP_SECONDS,
    )
    if done.returncode:
        raise BenchmarkError((done.stderr.strip().splitlines() or ["make up failed"])[-1])


def _posts(outputs: dict[str, Any], count: int) -> tuple[list[float], list[float]]:
    """Return the seconds of posts to the writer and to an empty function, with the same calls in turns."""
    events = [event for event in make_calls(4 * count, seed=2).events if len(event) <= _LONGEST_POST][:count]
    headers = {"Authorization": f"Bearer {outputs['token']}", "Content-Type": "application/json"}
    writer: list[float] = []
    empty: list[float] = []
    urls = ((outputs["endpoint"], writer), (_empty_function(outputs), empty))
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        for turn, event in enumerate([events[0], *events]):
            for url, taken in urls:
                started = time.perf_counter()
                status = client.post(url, content=event).status_code
                ended = time.perf_counter()
                if status != _OK:
                    raise BenchmarkError(f"a post was answered with {status}")
                if turn:  # the first starts the function
                    taken.append(ended - started)
    return writer, empty


def _empty_function(outputs: dict[str, Any]) -> str:
    """Deploy a function that does nothing beside the writer; return its URL."""
    url = outputs["emulator_url"]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("empty.py", _EMPTY)
    client: Any = boto3.client(
        "lambda",
        endpoint_url=url,
        region_name=outputs["region"],
        aws_access_key_id=ROOT_KEY,
        aws_secret_access_key=ROOT_KEY,
    )
    client.create_function(
        FunctionName=_NAME,
        Runtime="python3.13",
        Architectures=["arm64"],
        Role=outputs["writer_role_arn"],
        Handler="empty.handler",
        Code={"ZipFile": zipped.getvalue()},
        MemorySize=512,
    )
    made = client.create_function_url_config(FunctionName=_NAME, AuthType="NONE")
    return f"{url}/_aws/lambda-url/{(urlsplit(made['FunctionUrl']).hostname or '').partition('.')[0]}/"


def _p99(taken: list[float]) -> float:
    return quantiles(taken, n=100, method="inclusive")[98]
