"""Settings that stand where nothing reads them: beside `config:` in a stack's file, or under another project's name.

Guarantee: a key that is a setting of this project, or nearly one, is refused with the right key; it is never ignored.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from stacks.names import PROJECT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_PULUMIS: Final = frozenset({"config", "environment", "secretsprovider", "encryptedkey", "encryptionsalt"})
"""What Pulumi itself keeps at the top of a stack's file."""
_OTHERS: Final = frozenset({"aws", "aws-native", "azure-native", "pulumi", "random"})
"""Prefixes whose keys are not ours, whatever their names: `aws:profile` is the AWS provider's."""
_TOP: Final = re.compile(r"^[\"']?([A-Za-z][\w:.-]*)[\"']?[ \t]*:(?=\s|$)", re.MULTILINE)
_ALIKE: Final = 0.8


def nearest(name: str, settings: Collection[str]) -> str | None:
    """Return the setting with this name, or with nearly this name."""
    by_letters = {setting.lower(): setting for setting in settings}
    letters = name.lower().replace("_", "").replace("-", "")
    found = difflib.get_close_matches(letters, by_letters, n=1, cutoff=_ALIKE)
    return by_letters[found[0]] if found else None


def meant(key: str, settings: Collection[str]) -> str | None:
    """Return the full key that somebody meant by a key with another prefix or none; None if the key is not ours."""
    prefix, _, name = key.rpartition(":")
    if prefix in _OTHERS or prefix == PROJECT:
        return None
    right = nearest(name, settings)
    return None if right is None else f"{PROJECT}:{right}"


def beside_config(keys: Iterable[str], settings: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each key at the top of a stack's file that was meant to be a setting, with the full key."""
    for key in keys:
        if key not in _PULUMIS:
            name = key.rpartition(":")[2]
            right = nearest(name, settings)
            if right is not None:
                yield key, f"{PROJECT}:{right}"


def top_keys(text: str) -> list[str]:
    """Return the keys at the top of a YAML file, as people and Pulumi write it."""
    return _TOP.findall(text)
