"""Payloads on their way into the vault.

Promise: `keep` returns only when every one of them is durable, so that no record refers to a payload that never was.
Keys follow from the record's id: what is sent again comes to the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence

from log_writer.batch import VaultObject
from log_writer.store import Store

_WORKERS = 8


def keep(store: Store, objects: Sequence[VaultObject], *, deadline: float) -> None:
    """Put `objects` into the vault. Raises `NotDurableError` unless all of them are there by `deadline`.

    How they are encrypted is the bucket's own setting: a request that named a key of AWS's would be under that one.
    """
    if len(objects) == 1:
        _put(store, objects[0], deadline)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only a vault needs it

    with ThreadPoolExecutor(max_workers=min(_WORKERS, len(objects))) as pool:
        waiting = [pool.submit(_put, store, item, deadline) for item in objects]
        try:
            for done in waiting:
                done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _put(store: Store, item: VaultObject, deadline: float) -> None:
    store.put(item.key, item.body, headers={"Content-Type": item.mime}, deadline=deadline)
