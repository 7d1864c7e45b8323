"""Build the wheel: it holds copies of the modules of the log's core that the client shares.

They are not in git twice. So a wheel can be built from a checkout only: `pip install ./clients/python`.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CORE = Path(__file__).resolve().parents[2] / "lambda" / "audit_core"
SHARED = ("fields_1", "finish_reasons", "loose", "shape", "stream")


class BuildWithCore(build_py):
    """Build the package, then add the shared modules, and drop the search for them in a checkout."""

    def run(self) -> None:
        """Build. Raise `FileNotFoundError` outside of a checkout."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "audit_log_client" / "_core"
        for name in SHARED:
            shutil.copyfile(CORE / f"{name}.py", target / f"{name}.py")
        (target / "__init__.py").write_text('"""Modules that the client shares with the core of the log."""\n')


setup(cmdclass={"build_py": BuildWithCore})
