"""Reads single outputs of a stack: each function returns a value of its kind, or raises CouldNot naming the output."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Final, TypeGuard

from cli.console import printable
from cli.exits import CouldNot

# No user, fragment or backslash: of a URL with one, two parsers may read two different hosts.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[0-9A-Za-z._~/-]*)?"
)
_ROLE: Final = re.compile(r"arn:[a-z-]+:iam::[^:]*:role/.+")


def text(outputs: Mapping[str, object], name: str) -> str:
    """Return an output that is a non-empty text."""
    value = outputs.get(name)
    if not _is_text(value):
        raise CouldNot(f"stack output {name}: a non-empty text is required")
    return value


def role(outputs: Mapping[str, object], name: str) -> str:
    """Return an output that is the ARN of a role."""
    value = text(outputs, name)
    if not _ROLE.fullmatch(value):
        raise CouldNot(f"stack output {name}: the ARN of a role is required")
    return value


def minutes(value: object) -> int:
    """Return an output that is a whole number of minutes."""
    if type(value) is not int or value < 1:
        raise CouldNot("stack output seal_minutes: a whole number of minutes is required")
    return value


def texts(outputs: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return an output that is a list of texts."""
    value = outputs.get(name)
    if not isinstance(value, list) or not all(_is_text(item) for item in value):
        raise CouldNot(f"stack output {name}: a list of texts is required")
    return tuple(value)


def tokens(value: object, agents: object) -> Mapping[str, str]:
    """Return the tokens in the order of `agents`. The map alone has no order: Pulumi sorts it by name."""
    if not isinstance(value, Mapping) or not value:
        raise CouldNot("stack output tokens: an object of agent and token is required (read with --show-secrets)")
    found: dict[str, str] = {}
    for agent, token in value.items():
        if not _is_text(agent) or not _is_text(token):
            raise CouldNot("stack output tokens: each agent's token must be a non-empty text")
        found[agent] = token
    order = [name for name in agents if isinstance(name, str) and name in found] if isinstance(agents, list) else []
    return {name: found[name] for name in dict.fromkeys([*order, *found])}


def loopback(url: object, name: str) -> str:
    """Return `url` if its host is this machine's own loopback address; anything else would leave the machine."""
    host = _host(url, "http")
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not isinstance(url, str) or not is_loopback:
        raise CouldNot(f"stack output {name}: with an emulator it must be a loopback URL (http://127.0.0.1:PORT)")
    return url.rstrip("/")


def remote(url: str, name: str) -> str:
    """Return `url` if it is an https URL of a host, a port and a plain path."""
    if not _host(url, "https"):
        raise CouldNot(f"stack output {name}: an https URL is required outside the emulator")
    return url.rstrip("/")


def _host(url: object, scheme: str) -> str:
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    return match["host"].strip("[]") if match is not None and match["scheme"] == scheme else ""


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a non-empty text without characters that a terminal obeys."""
    return isinstance(value, str) and bool(value) and printable(value) == value
