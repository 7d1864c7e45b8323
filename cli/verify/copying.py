"""`audit-log verify copy`: the bucket in a folder, to be verified anywhere, by anyone, without an account.

Promise: what was copied is listed with its digest, its lock, and what else there is of each key; the listing comes last
and ends with its own digest, so that a copy that was cut off is invalid.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, repeat
from pathlib import Path
from typing import IO

from audit_core.layout import CHECKPOINT, RECORDS, SEAL
from cli.console import printable
from cli.exits import CouldNot
from cli.verify.folder import LISTING, OTHER_VERSIONS
from cli.verify.paths import path_of
from cli.verify.source import BucketSource, Version

_VERSION = re.compile(r"(?!\.{1,2}$)[0-9A-Za-z._-]{1,200}")
_THREADS = 16
_AT_ONCE = 256


def copy_log(source: BucketSource, folder: Path, *, copied: Callable[[int], None]) -> int:
    """Copy the log into `folder`. Call `copied` with the size of each file. Return the number of keys."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    began = datetime.now(UTC)
    try:
        with tempfile.TemporaryFile(dir=folder) as seal, tempfile.NamedTemporaryFile(dir=folder, delete=False) as whole:
            try:
                # The seal first: whatever it seals is there when the records are listed after it.
                keys = _copy(source, SEAL, folder, seal, copied)
                whole.write(_row({"copied_at": began.isoformat()}))
                keys += _copy(source, RECORDS, folder, whole, copied)
                seal.seek(0)
                shutil.copyfileobj(seal, whole)
                whole.flush()
                with Path(whole.name).open("rb") as written:
                    digest = hashlib.file_digest(written, "sha256").hexdigest()
                whole.write(_row({"listing_sha256": digest}))
                whole.flush()
                os.fsync(whole.fileno())
                Path(whole.name).replace(folder / LISTING)
            except BaseException:
                Path(whole.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise CouldNot(f"{folder}: {error.strerror}") from None
    return keys


def _copy(source: BucketSource, prefix: str, folder: Path, listing: IO[bytes], copied: Callable[[int], None]) -> int:
    """Copy what is under `prefix`, and list it in the order of keys. Returns how many keys there are."""
    keys = 0
    groups = source.versions(prefix)
    with ThreadPoolExecutor(_THREADS) as pool:
        while some := list(islice(groups, _AT_ONCE)):
            for rows in pool.map(_fetch, repeat(source), repeat(folder), some, repeat(copied)):
                keys += 1
                for row in rows:
                    listing.write(_row(row.as_json()))
    return keys


def _fetch(source: BucketSource, folder: Path, rows: Sequence[Version], copied: Callable[[int], None]) -> list[Version]:
    objects = [row for row in rows if not row.marker]
    shown = objects[-1 if rows[0].key == CHECKPOINT else 0] if objects else None
    fetched: list[Version] = []
    for row in rows:
        if row.marker or (row.key == CHECKPOINT and row is not shown):
            fetched.append(row)
            continue
        try:
            fetched.append(_taken(source, folder, row, shown=row is shown))
        except OSError as error:
            raise CouldNot(f"{printable(row.key)}: {error.strerror}") from None
        copied(fetched[-1].size)
    return fetched


def _taken(source: BucketSource, folder: Path, row: Version, *, shown: bool) -> Version:
    """Copy a version to its file, piece by piece; return its row with the size, digest and lock of the copy."""
    key = path_of(row.key)
    version = row.version if _VERSION.fullmatch(row.version) else hashlib.sha256(row.version.encode()).hexdigest()
    target = folder / key if shown else folder / OTHER_VERSIONS / key / version
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{os.getpid()}-{threading.get_ident()}")
    with scratch.open("wb") as file:
        body = source.fetch(row.key, row.version, lambda piece, _: file.write(piece))
    if body is None or body.digest is None:
        scratch.unlink()
        raise CouldNot(f"{printable(row.key)}: went away while it was copied")
    scratch.replace(target)
    sha256 = body.digest.removeprefix("sha256:")
    return replace(row, size=body.size, mode=body.mode, retain_until=body.retain_until, sha256=sha256)


def _row(said: dict[str, object]) -> bytes:
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"
