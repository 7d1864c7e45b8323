"""The emulator's process: MiniStack, with function URLs that are the same after a restart.

    python -I localcloud/emulator_process.py URL_ID

MiniStack gives each function URL a random id. Agents hold the URL in their settings, so here the first URL's id is
URL_ID, the next one's follows from it, and an id is free again once its URL is gone. This file runs outside of this
package, with MiniStack and the standard library alone.
"""

import hashlib
import sys

from ministack.app import main
from ministack.services import lambda_svc

_FIRST = sys.argv.pop(1)


def url_id() -> str:
    """Return the first id of the series that no function URL has."""
    found = _FIRST
    while lambda_svc.resolve_function_url(found) is not None:
        found = hashlib.sha256(found.encode()).hexdigest()[:32]
    return found


# MiniStack has no setting for it. A test restarts the emulator, and fails if another version names this otherwise.
if not hasattr(lambda_svc, "_new_function_url_id"):
    sys.exit("this version of MiniStack makes the ids of function URLs elsewhere")
lambda_svc._new_function_url_id = url_id  # noqa: SLF001
main()
