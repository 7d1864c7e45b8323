"""Checks that the arguments of several components share. Each raises ValueError with field, rule and what was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence


def refuse(args: object, field: str, rule: str) -> NoReturn:
    """Raise ValueError for a field of `args`."""
    msg = f"{type(args).__name__}.{field}: must {rule}, got {getattr(args, field)!r}"
    raise ValueError(msg)


def require_text(args: object, *fields: str) -> None:
    """Refuse empty fields."""
    for field in fields:
        if not getattr(args, field):
            refuse(args, field, "not be empty")


def require_start(args: object, field: str, start: str) -> None:
    """Refuse a field that does not begin with `start`."""
    if not getattr(args, field).startswith(start):
        refuse(args, field, f"begin with {start}")


def require_range(args: object, field: str, least: int, most: int | None = None) -> None:
    """Refuse a number under `least` or over `most`."""
    given = getattr(args, field)
    if given < least or (most is not None and given > most):
        refuse(args, field, f"be at least {least}" if most is None else f"be from {least} to {most}")


def require_choice(args: object, field: str, choices: Sequence[str]) -> None:
    """Refuse a value that is not one of `choices`."""
    if getattr(args, field) not in choices:
        refuse(args, field, f"be one of {', '.join(choices)}")
