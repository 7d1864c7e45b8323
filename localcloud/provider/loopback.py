"""The local provider talks to this machine only.

Guarantee: an address that `check_endpoint` accepts leads to a loopback interface; nothing that a configuration, a
variable or a name server says makes it lead elsewhere.
"""

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class NotLoopbackError(ValueError):
    """The address is not one on this machine's loopback interface; the message names it."""


def check_endpoint(url: str) -> str:
    """Return `url` without a trailing slash if its host is 127.0.0.0/8, ::1 or localhost. Raises NotLoopbackError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise NotLoopbackError(f"{url!r} is not an address: {error}") from error
    plain = not (parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"))
    if parts.scheme != "http" or not plain or port is None:
        raise NotLoopbackError(f"the local cloud's address has the form http://127.0.0.1:PORT, not {url!r}")
    if not all(_is_loopback(address) for address in _addresses(host)):
        msg = f"the local provider only talks to this machine (127.0.0.0/8, ::1, localhost), not to {host!r}"
        raise NotLoopbackError(msg)
    return url.rstrip("/")


def _addresses(host: str) -> list[str]:
    if host != "localhost":
        # Any other name is left unresolved: `_is_loopback` refuses what is no literal address.
        return [host]
    try:
        return [str(entry[4][0]) for entry in socket.getaddrinfo(host, None)]
    except OSError as error:
        raise NotLoopbackError(f"{host!r} does not resolve: {error}") from error


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # An IPv4 address in IPv6's clothes (::ffff:127.0.0.1) would lead here too; what is not plain to see is refused.
    return any(parsed in network for network in _LOOPBACK)
