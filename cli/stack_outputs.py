"""Reading single outputs of a stack: each returns a value of its kind, or raises CouldNot naming the output."""

import ipaddress
import urllib.parse
from collections.abc import Mapping

from cli.exits import CouldNot


def text(outputs: Mapping[str, object], name: str) -> str:
    """Return an output that is a non-empty text."""
    value = outputs.get(name)
    if not isinstance(value, str) or not value:
        raise CouldNot(f"stack output {name}: a non-empty text is required")
    return value


def minutes(value: object) -> int:
    """Return an output that is a whole number of minutes."""
    if type(value) is not int or value < 1:
        raise CouldNot("stack output seal_minutes: a whole number of minutes is required")
    return value


def texts(outputs: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return an output that is a list of texts."""
    value = outputs.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise CouldNot(f"stack output {name}: a list of texts is required")
    return tuple(value)


def tokens(value: object, agents: object) -> Mapping[str, str]:
    """Return the tokens in the order of `agents`. The map alone has no order: Pulumi sorts it by name."""
    if not isinstance(value, Mapping) or not value:
        raise CouldNot("stack output tokens: an object of agent and token is required (read with --show-secrets)")
    found: dict[str, str] = {}
    for agent, token in value.items():
        if not isinstance(agent, str) or not isinstance(token, str) or not token:
            raise CouldNot("stack output tokens: each agent's token must be a non-empty text")
        found[agent] = token
    order = [name for name in agents if name in found] if isinstance(agents, list) else []
    return {name: found[name] for name in dict.fromkeys([*order, *found])}


def loopback(url: object, name: str) -> str:
    """Return `url` if its host is this machine's own loopback address; anything else would leave the machine."""
    parts = urllib.parse.urlsplit(url) if isinstance(url, str) else None
    host = parts.hostname if parts is not None else None
    try:
        is_loopback = host == "localhost" or (host is not None and ipaddress.ip_address(host).is_loopback)
    except ValueError:
        is_loopback = False
    if not isinstance(url, str) or not is_loopback:
        raise CouldNot(f"stack output {name}: with an emulator it must be a loopback URL (http://127.0.0.1:PORT)")
    return url.rstrip("/")
