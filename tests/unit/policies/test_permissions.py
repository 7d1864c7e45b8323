"""The page on permissions is what the code says."""

from localcloud.place import ROOT
from policies.permissions import page


def test_the_page_is_as_the_code_writes_it() -> None:
    """`python -m policies.permissions > docs/permissions.md` after a change of the tables."""
    assert (ROOT / "docs" / "permissions.md").read_text("utf-8") == page()
