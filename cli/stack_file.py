"""A stack's configuration file, `stacks/Pulumi.<stack>.yaml`, which people edit too.

Guarantees: settings are read as the Pulumi CLI reads them, also under a key without the project's name. A change keeps
every comment, the order, the quotes and the file's mode; it is there whole or not at all.
"""

import os
import stat
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

from cli.exits import CouldNot
from cli.stack_values import UnreadableError, as_text
from stacks.names import PROJECT
from stacks.settings import SettingError, refuse_beside_config

_NEVER_FOLDED: Final = 4096


class StackFile:
    """The file at `path`; `config` holds its settings under the keys as spelled. Change it in place, then write."""

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
            self._text = path.read_text(encoding="utf-8-sig")
            self._document: object = self._yaml.load(self._text)
        except OSError as error:
            raise CouldNot(f"cannot read {path}: {error.strerror}") from None
        except MarkedYAMLError as error:
            line = 0 if error.problem_mark is None else error.problem_mark.line + 1
            raise CouldNot(f"{path} is not YAML: line {line}: {error.problem}") from None
        except RecursionError:
            raise CouldNot(f"{path} is not YAML: it is nested too deep") from None
        except (ValueError, YAMLError) as error:
            raise CouldNot(f"{path} is not YAML: {str(error).splitlines()[0]}") from None
        keys = self._document if isinstance(self._document, Mapping) else {}
        try:
            refuse_beside_config(map(str, keys))
        except SettingError as error:
            raise CouldNot(f"{path}: {error}") from None
        config = keys.get("config")
        if not isinstance(config, MutableMapping):
            raise CouldNot(f"{path} has no `config:`")
        self.config: MutableMapping[str, Any] = config

    def spelled(self, key: str) -> str:
        """Return how the file spells a full key: in full, or without the project's name, which Pulumi adds."""
        bare = key.removeprefix(f"{PROJECT}:")
        return bare if bare in self.config and key not in self.config else key

    def values(self) -> dict[str, str]:
        """Return the settings as the Pulumi CLI passes them to the program: full keys, values as text or JSON.

        Raises CouldNot for a value that Pulumi refuses, or that is encrypted.
        """
        from ruamel.yaml import YAML  # noqa: PLC0415 - see above

        root: Any = YAML().compose(self._text)
        settings = next(value for key, value in root.value if key.value == "config")
        found: dict[str, str] = {}
        for key, value in settings.value:
            full = key.value if ":" in key.value else f"{PROJECT}:{key.value}"
            try:
                found[full] = as_text(value)
            except UnreadableError as error:
                raise CouldNot(f"{self.path}: {full}: {error}") from None
        return found

    def write(self) -> None:
        """Replace the old file by the changed one. Raise CouldNot when it cannot be written."""
        try:
            path = self.path.resolve()  # of a link, the file that it leads to
            mode = stat.S_IMODE(path.stat().st_mode)
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
            ) as beside:
                self._yaml.dump(self._document, beside)
                beside.flush()
                os.fsync(beside.fileno())
            Path(beside.name).chmod(mode)
            Path(beside.name).replace(path)
        except OSError as error:
            raise CouldNot(f"cannot write {self.path}: {error.strerror}") from None
