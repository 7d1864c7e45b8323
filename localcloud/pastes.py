"""What `make up` prints to be pasted. Every paste here is run by a test, exactly as it is printed."""

from collections.abc import Mapping
from typing import Any, Final

_CURL: Final = """\
curl -sS {endpoint}/v1/events \\
  -H 'Authorization: Bearer {token}' \\
  -d '{{"endpoint": "https://api.stripe.com/v1/charges?key=sk_live_51H", "method": "POST", "status": 200}}'
"""
_PYTHON: Final = """\
import httpx

log = httpx.Client(base_url="{endpoint}", headers={{"Authorization": "Bearer {token}"}})
call = {{"endpoint": "api.stripe.com/v1/charges", "method": "POST", "status": 200, "correlation_id": "c9f8e7"}}
print(log.post("/v1/events", json=call).raise_for_status().json())
"""


def pastes(outputs: Mapping[str, Any]) -> dict[str, str]:
    """Return each paste, by what it is pasted into: `shell`, `python`."""
    endpoint, token = outputs["endpoint"], outputs["token"]
    return {name: text.format(endpoint=endpoint, token=token) for name, text in (("shell", _CURL), ("python", _PYTHON))}
