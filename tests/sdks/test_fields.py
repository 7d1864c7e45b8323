"""docs/fields.md says what each platform's records hold, and nothing else."""

from pathlib import Path

import pytest

from tests.sdks import fields
from tests.sdks.conftest import Python
from tests.sdks.fields import PLATFORMS, Platform


@pytest.mark.parametrize("platform", [pytest.param(platform, id=platform.name) for platform in PLATFORMS])
def test_a_platforms_column(platform: Platform, python_of: Python, tmp_path: Path) -> None:
    """What the table says of a platform is what its real SDK leads to."""
    if platform.kit is not None:
        python_of(platform.kit)
    interpreter = fields.interpreter(platform)
    if interpreter is None:
        pytest.skip("not run: there is no Node here")
    found = fields.observe(platform, interpreter, tmp_path / "home")
    assert fields.documented(fields.PAGE.read_text(encoding="utf-8"))[platform.name] == found


def test_the_table_has_these_columns() -> None:
    """All platforms, in this order."""
    assert list(fields.documented(fields.PAGE.read_text(encoding="utf-8"))) == [it.name for it in PLATFORMS]
