"""An agent whose endpoint may be away: records calls by hand, waits a little, and ends.

Arguments: a JSON object with `endpoint`, `token`, `names` (of calls), `flush_seconds`. Prints whether all was sent.
"""

import json
import sys
from typing import Any

from audit_log_client import AuditLog

WHAT: dict[str, Any] = json.loads(sys.argv[1])

with AuditLog(WHAT["endpoint"], WHAT["token"]) as log:
    for name in WHAT["names"]:
        log.record(endpoint=f"https://api.example.com/{name}", method="POST", status=200, request={"name": name})
    sent = log.flush(WHAT["flush_seconds"])
sys.stdout.write(json.dumps({"sent": sent}) + "\n")
