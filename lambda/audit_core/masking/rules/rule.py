"""What a rule is."""

from __future__ import annotations

from typing import NamedTuple

ALNUM = "[A-Za-z0-9]"
WORD = "[A-Za-z0-9_-]"
HEX = "[0-9a-f]"
BASE64 = "[A-Za-z0-9+/]"
UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"


class Rule(NamedTuple):
    """A token's documented shape: fixed letters, and what follows them.

    `id`: stable once published. `marks`: the fixed letters, one of which is in every token, as the vendor spells them.
    `tail`: RE2 pattern of what follows the mark. `source`: whose documentation shows it. `before`: RE2 pattern of what
    stands in front of the mark and belongs to the token, where the mark is not its beginning. `hidden`: whether only
    the tail is the secret (the mark is a name, a scheme or a host that may stay). Where `before` has a group, only that
    group is the secret. `certain`: whether the mark alone is enough; otherwise the tail must also look machine-made.
    `random`: whether the mark is so common that the tail must look random. `never`: RE2 pattern of whole
    values that look like this token and that the document rules out, so that a telling name in front does not make
    them one.
    """

    id: str
    marks: tuple[str, ...]
    tail: str
    source: str
    before: str = ""
    hidden: bool = False
    certain: bool = False
    random: bool = False
    never: str = ""
