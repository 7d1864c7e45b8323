"""What a rule is."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """A secret's shape.

    `id` is stable once published. `keywords`: literals in lower case, one of which is in every match. `pattern`: RE2; group 1, where
    there is one, is the secret, else the whole match. `source`: the document that describes the shape.
    """

    id: str
    keywords: tuple[str, ...]
    pattern: str
    source: str
