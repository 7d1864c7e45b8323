"""The snippets, as people get them: as `audit-log connect` prints them, and as docs/agents.md shows them.

`printed` and `documented` return a snippet's text; run that, unchanged. What docs/agents.md shows reads the endpoint
and the token from the environment (`variables`), but for the few platforms that read none: there an example stands in
their place, and `documented` puts the real ones where the example was.
"""

import re
from typing import Final

from cli.connect_snippets import EXAMPLE_ENDPOINT, EXAMPLE_TOKEN, fill, find_form
from localcloud.place import ROOT

PAGE: Final = ROOT / "docs" / "agents.md"
_BLOCK: Final = r"<!-- table: {} -->\n```(\w+)\n(.*?)^```$\n<!-- end -->"


def variables(*, endpoint: str, token: str) -> dict[str, str]:
    """Return the environment that the page's snippets and the clients read."""
    return {"AUDIT_LOG_ENDPOINT": endpoint, "AUDIT_LOG_TOKEN": token}


def printed(platform: str, form: str | None = None, *, endpoint: str, token: str) -> str:
    """Return what `audit-log connect PLATFORM [FORM]` prints on standard output."""
    return fill(find_form(platform, form), endpoint=endpoint, token=token)


def documented(platform: str, form: str | None = None, *, endpoint: str, token: str) -> str:
    """Return the block of docs/agents.md for a platform's form, with any example value replaced by the real one."""
    text = block(find_form(platform, form).command)
    return text.replace(EXAMPLE_ENDPOINT, endpoint).replace(EXAMPLE_TOKEN, token)


def block(command: str) -> str:
    """Return a snippet of docs/agents.md as it stands there, by the command that prints it."""
    found = re.search(_BLOCK.format(re.escape(command)), PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/agents.md has no block of {command!r}"
    return found[2]
