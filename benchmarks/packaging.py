"""The function's package: its size for each target, and how long importing the handler takes.

A cold start reads the package without compiled files, which it does not hold; so both ways of importing are measured.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.measure import MEGABYTE, TIMES, BenchmarkError, Row, at_most, in_fresh_process
from components.package import WRITER, PackageError, Target, build_package

_CONFIG: Final = json.dumps(
    {"schema": 1, "bucket": "log", "region": "eu-central-1", "agents": [{"name": "agent", "tokens": []}]}
).encode()
_TARGETS: Final[dict[str, Target]] = {"for AWS (arm64)": "aws", "for this machine": "local"}
_HANDLER: Final = """
import os, sys, time
os.environ["AWS_LAMBDA_FUNCTION_NAME"] = "f"
os.environ["LAMBDA_TASK_ROOT"] = sys.argv[1]
sys.path.insert(0, sys.argv[1])
started = time.perf_counter()
import log_writer.handler
print(time.perf_counter() - started)
"""
_BOTO3: Final = """
import time
started = time.perf_counter()
import boto3
boto3.client("s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
print(time.perf_counter() - started)
"""


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a package cannot be built."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_sizes(Path(folder)), *_imports(Path(folder), rounds=1 if quick else 7, first=0 if quick else 1)]


def _sizes(folder: Path) -> list[Row]:
    found: list[Row] = []
    for label, target in _TARGETS.items():
        try:
            built = build_package(WRITER, target=target, config=_CONFIG, out_dir=folder)
        except PackageError as error:
            raise BenchmarkError(str(error)) from error
        found.append(
            Row(
                name=f"package {label}",
                value=built.size / MEGABYTE,
                unit="MB",
                goal=at_most(WRITER.max_bytes // MEGABYTE),
            )
        )
    with zipfile.ZipFile(next(folder.glob("*-local-*.zip"))) as archive:
        archive.extractall(folder / "local")
    return found


def _imports(folder: Path, *, rounds: int, first: int) -> list[Row]:
    """In turns, each in a fresh process: as it is here, and with neither side's compiled files in sight.

    So many turns come first that do not count: they fill the disk's cache and that of compiled files.
    """
    package = str(folder / "local")
    cold = ("-B", "-X", f"pycache_prefix={folder / 'none'}")
    warm = ("-X", f"pycache_prefix={folder / 'compiled'}")
    handler: dict[str, list[float]] = {"warm": [], "cold": []}
    boto3: dict[str, list[float]] = {"warm": [], "cold": []}
    for turn in range(first + rounds):
        for name, options in {"warm": warm, "cold": cold}.items():
            taken = float(in_fresh_process(_HANDLER, package, options=("-I", *options)))
            other = float(in_fresh_process(_BOTO3, options=("-I", *options)))
            if turn >= first:
                handler[name].append(taken)
                boto3[name].append(other)
    ratios = {name: median(a / b for a, b in zip(handler[name], boto3[name], strict=True)) for name in handler}
    return [
        Row(name="import of the handler, compiled", value=1000 * median(handler["warm"]), unit="ms"),
        Row(name="import of the handler, compiled, to boto3 with an S3 client", value=ratios["warm"], unit=TIMES),
        Row(name="import of the handler, cold start", value=1000 * median(handler["cold"]), unit="ms"),
        Row(name="import of the handler, cold start, to boto3 with an S3 client", value=ratios["cold"], unit=TIMES),
    ]
