"""The page on permissions is what the code says."""

from localcloud.place import ROOT
from policies.permissions import documents, page


def test_the_page_is_as_the_code_writes_it() -> None:
    """`python -m policies.permissions > docs/permissions.md` after a change of the tables."""
    assert (ROOT / "docs" / "permissions.md").read_text("utf-8") == page()


def test_every_policy_is_printed_and_on_the_page() -> None:
    """`--json` prints whole documents; the page names each of their statements."""
    found = documents()
    assert "bucket" in found
    for document in found.values():
        assert isinstance(document, dict)
        statements = document["Statement"]
        assert isinstance(statements, list)
        assert statements
        for statement in statements:
            assert isinstance(statement, dict)
            assert f"{statement['Sid']}" in page()
