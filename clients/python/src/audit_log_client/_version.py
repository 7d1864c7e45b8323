"""The version, as the distribution has it."""

from typing import Final

VERSION: Final = "0.1.0"
