"""What an agent called, without what must not be kept of it.

Promise: userinfo, path parameters (`;jsessionid=…`), query and fragment are gone, whatever the input looks like, also
where their marks are full-width ones; in domain mode so is everything but the host. The result is a host and a path, or
null for a text that is neither, such as a connection string of settings. Never raises.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*+(?::[A-Za-z][A-Za-z0-9+.-]*+)*+):[/\\]{2}")
# These carry content, not an address.
_OPAQUE = re.compile(r"(?P<scheme>data|javascript|blob|about|vbscript|file):", re.IGNORECASE)
_AUTHORITY_END = re.compile(r"[/\\?#]")
_QUERY = re.compile(r"[?#]")
_PARAMETERS = re.compile(r";[^/\\]*")
# Look-alikes of `?`, `#`, `@` and `;`, full-width and small: whoever wrote the address meant the plain ones.
_LOOKALIKES = str.maketrans("\uff1f\ufe56\uff03\ufe5f\uff20\ufe6b\uff1b\ufe54", "??##@@;;")
_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{0,5})")
_INNER_USERINFO = re.compile(r"(:[/\\]{2})[^/\\]*@")
# A list of settings such as `host=db password=...` is not an address, even where a part of it looks like one.
_SETTING = re.compile(r"(?:^|\s)\w{1,64} ?=")
_NOT_IN_HOST = re.compile(r"[\s=(){}<>\"'`|^]")


def clean_endpoint(text: str, *, domain_only: bool = False, fold: bool = True) -> str | None:
    """`text`, a URL with or without a scheme, without userinfo, parameters, query, fragment; null: not an address.

    The scheme and, with `fold`, the host become lower case; the rest stays as it is. With `domain_only`: the host
    alone.
    """
    text = text.strip()
    if not text.isascii():
        text = text.translate(_LOOKALIKES)
    scheme = ""
    if match := _SCHEME.match(text):
        scheme, text = match["scheme"].lower() + "://", text[match.end() :]
    elif match := _OPAQUE.match(text):
        return None if domain_only else match["scheme"].lower() + ":"
    elif text[:2] in {"//", "\\\\"}:
        text = text[2:]
    if "=" in text and _SETTING.search(_QUERY.split(text, maxsplit=1)[0]):
        return None
    authority, path = _authority(text, strict=bool(scheme))
    if _NOT_IN_HOST.search(authority):
        return None
    if fold:
        authority = authority.lower()
    if domain_only:
        match = _PORT.fullmatch(authority)
        return (match["host"] if match else authority) or None
    return scheme + authority + _PARAMETERS.sub("", _INNER_USERINFO.sub(r"\1", path)) or None


def _authority(text: str, *, strict: bool) -> tuple[str, str]:
    """Split into `host[:port]` and path. `strict`: it is a URL, so that what follows a colon is a port, or must go."""
    end = match.start() if (match := _AUTHORITY_END.search(text)) else len(text)
    authority, rest = text[:end], text[end:]
    if "@" in authority:
        authority = authority.rpartition("@")[2]
    elif not strict and authority.endswith(":") and "@" in (path := _QUERY.split(rest, maxsplit=1)[0]):
        return _authority(path.rpartition("@")[2], strict=strict)  # `https:/user:pass@host`, which browsers repair
    elif ":" in authority and not authority.startswith("[") and not _PORT.fullmatch(authority):
        if "@" in rest:  # a slash or a question mark in a password that nobody escaped: `user:pa/ss@host/path`
            return _authority(rest.rpartition("@")[2], strict=strict)
        if strict:
            authority = authority.partition(":")[0]
    authority = authority.rpartition("%40")[2]  # an escaped at sign ends userinfo, too
    return authority.partition(";")[0], _QUERY.split(rest, maxsplit=1)[0]
