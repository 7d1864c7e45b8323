"""How word lists are written: as text, so that they can be read."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Split a text into its set of words."""
    return frozenset(text.split())


def by_word(*families: tuple[str, str]) -> dict[str, str]:
    """Give each word of each family the family's name."""
    return {word: family for family, text in families for word in text.split()}
