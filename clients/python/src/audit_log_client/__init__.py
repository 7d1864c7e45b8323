"""Logs what an AI agent calls: from any `httpx` or `httpx2` client, to an immutable log.

Promise: payloads are digested in the agent's process and never leave it; the agent's calls are neither slowed nor
broken; what was logged waits on disk until the log has confirmed it.
"""

from audit_log_client._core.digest import HmacKey
from audit_log_client._log import AuditLog
from audit_log_client._sender import EndpointError
from audit_log_client._version import VERSION

__version__ = VERSION
__all__ = ["AuditLog", "EndpointError", "HmacKey", "__version__"]
