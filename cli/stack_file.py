"""A stack's configuration file, `stacks/Pulumi.<stack>.yaml`, which people edit too.

Guarantees: a change keeps every comment, the order, the quotes and the file's mode; it is there whole or not at all.
"""

import os
import stat
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from cli.exits import CouldNot

_NEVER_FOLDED: Final = 4096


class StackFile:
    """The file at `path`; `config` holds its settings by full key, to be changed in place and then written."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises CouldNot when that cannot be done, or there is no `config:` in it."""
        from ruamel.yaml import YAML  # noqa: PLC0415 - 60 ms that `audit-log token show` does without
        from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

        self.path = path
        self._yaml = YAML()
        self._yaml.preserve_quotes = True
        self._yaml.indent(mapping=2, sequence=4, offset=2)  # as `pulumi config set` writes lists
        self._yaml.width = _NEVER_FOLDED
        try:
            self._document: object = self._yaml.load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise CouldNot(f"cannot read {path}: {error.strerror}") from None
        except MarkedYAMLError as error:
            line = 0 if error.problem_mark is None else error.problem_mark.line + 1
            raise CouldNot(f"{path} is no YAML: line {line}: {error.problem}") from None
        except (UnicodeDecodeError, YAMLError) as error:
            raise CouldNot(f"{path} is no YAML: {str(error).splitlines()[0]}") from None
        config = self._document.get("config") if isinstance(self._document, Mapping) else None
        if not isinstance(config, MutableMapping):
            raise CouldNot(f"{path} has no `config:`")
        self.config: MutableMapping[str, Any] = config

    def write(self) -> None:
        """Put the changed file in the place of the old one; raises CouldNot when it cannot be written."""
        try:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
            ) as beside:
                self._yaml.dump(self._document, beside)
                beside.flush()
                os.fsync(beside.fileno())
            Path(beside.name).chmod(mode)
            Path(beside.name).replace(self.path)
        except OSError as error:
            raise CouldNot(f"cannot write {self.path}: {error.strerror}") from None
