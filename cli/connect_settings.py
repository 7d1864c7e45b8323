"""Compares a platform's settings on this machine with those of its snippet.

A program with a wrong token or endpoint logs nothing, and most programs do not report that. Guarantee: nothing here
returns the value of a setting; a token that was found is sent to this stack's endpoint alone.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.connect_snippets import FORMS, TOKEN_VARIABLE, Form
from cli.connection import Deployment

_CLAUDE_FILES: Final = (
    Path.home() / ".claude" / "settings.json",
    Path(".claude") / "settings.json",
    Path(".claude") / "settings.local.json",
)
_LINE: Final = re.compile(r'^(?:export )?([A-Z][A-Z0-9_]*)="?([^"\n]*)"?$', re.MULTILINE)
_MOST: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting that was found: its place, its name, the verdict in words, and whether it loses calls."""

    place: str
    name: str
    detail: str
    is_wrong: bool


def compare(deployment: Deployment, form: Form, *, agent: str, accepts: Callable[[str], bool]) -> Iterator[Setting]:
    """Yield a platform's settings in this shell or in its files, each with its verdict.

    `accepts` returns whether the stack's endpoint takes a token.
    """
    templates = _templates(form.platform)
    for place, found in _places(form.platform):
        for name in sorted(templates.keys() & found.keys()):
            is_wrong, detail = _verdict(found[name], templates[name], deployment, agent=agent, accepts=accepts)
            yield Setting(place=place, name=name, detail=detail, is_wrong=is_wrong)


def _verdict(
    given: str, templates: set[str], deployment: Deployment, *, agent: str, accepts: Callable[[str], bool]
) -> tuple[bool, str]:
    for template in templates:
        before, field, after = template.partition("{endpoint}")
        if field:
            if given.rstrip("/") == f"{before}{deployment.endpoint}{after}".rstrip("/"):
                return False, "is this stack's endpoint"
            continue
        before, _, after = template.partition("{token}")
        token = given.removeprefix(before).removesuffix(after)
        if given != f"{before}{token}{after}":
            continue
        owner = next((name for name, known in deployment.tokens.items() if known == token), None)
        if owner is not None:
            return False, f"is agent {owner}'s token" + ("" if owner == agent else f", not {agent}'s")
        if token.isascii() and token.isprintable() and accepts(token):
            return False, "is an earlier token, which still works for a time"
        return True, "is not a token of this stack: a program that starts with it logs nothing, and may not report that"
    return True, "is not what the snippet sets: a program that starts with it does not log to this stack"


def _templates(platform: str) -> Mapping[str, set[str]]:
    """Return the variables that a platform's snippets set to an endpoint or a token, each with its templates."""
    found: dict[str, set[str]] = {TOKEN_VARIABLE: {"{token}"}}  # snippets without a token read this one
    for form in FORMS:
        if form.platform == platform and form.language in {"sh", "ini"}:
            for name, text in _LINE.findall(form.template):
                if "{" in text:
                    found.setdefault(name, set()).add(text)
    return found


def _places(platform: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    yield "this shell", os.environ
    for path in _CLAUDE_FILES if platform == "claude" else ():
        try:
            document = json.loads(path.read_bytes()[:_MOST])
        except (OSError, ValueError, RecursionError):
            continue
        settings = document.get("env") if isinstance(document, dict) else None
        if isinstance(settings, dict):
            yield str(path), {str(name): str(value) for name, value in settings.items()}
