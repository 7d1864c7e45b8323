"""The HTTP library: `httpx`, or `httpx2`, which is the same under another name, and which newer SDKs need.

Promise: neither is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

NAMES = ("httpx2", "httpx")


def plain_headers(headers: Any) -> dict[str, str]:  # noqa: ANN401 - of either library
    """Return a message's headers by their names in lower case. Reading them one by one would cost more."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


def http_library(name: str | None = None) -> Any:  # noqa: ANN401 - a module
    """Import the library of that name; by default `httpx2` where it is installed. Raise `ImportError`."""
    if name is None:
        name = next((name for name in NAMES if find_spec(name)), NAMES[-1])
    if name not in NAMES:
        raise ImportError(f"expected one of {', '.join(NAMES)}, not {name!r}")
    return import_module(name)
