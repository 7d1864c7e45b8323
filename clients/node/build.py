"""Build `audit-log.mjs`, the one file that users copy, from the modules in `src/`: `python clients/node/build.py`.

`src/tables.mjs` does not exist: the tables come from the log's core and from the Python client's `answers.json`.
"""

import json
import re
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLIENTS = HERE.parent
BUILT = HERE / "audit-log.mjs"
# In this order each module finds what it uses at load time above itself. The first comment in the file is log's.
MODULES = ("text", "shape", "json", "digest", "answers", "call", "files", "spool", "delivery", "log")
_PUBLIC = frozenset({"createAuditLog", "default", "digestPayload", "fetchWithLog", "StreamDigest"})
_IMPORT = re.compile(r"^import (?:\{(?P<names>[^}]*)\}|(?P<default>\w+)) from '(?P<module>[^']+)';\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:(?:async )?(?:class|function|const) )?(\w+))", re.MULTILINE)
_WIDTH = 120


def build() -> str:
    """Return the content of `audit-log.mjs`."""
    imported: dict[str, set[str]] = {}
    parts = [_tables()]
    head = ""
    for module in MODULES:
        source = (HERE / "src" / f"{module}.mjs").read_text("utf-8")
        if module == MODULES[-1]:
            head, _, source = source.partition("\n\n")
        for found in _IMPORT.finditer(source):
            if found["module"].startswith("node:"):
                names = re.sub(r"\s+", " ", found["names"] or "").strip(" ,").split(", ")
                wanted = names if found["names"] else [f"={found['default']}"]
                imported.setdefault(found["module"], set()).update(wanted)
        source = _IMPORT.sub("", source)
        source = _EXPORT.sub(lambda found: found[0] if found[1] in _PUBLIC else "", source)
        parts.append(f"// {module}.mjs\n\n{source.strip()}\n")
    notice = "// Built by build.py from the modules in src/ of agent-audit-log's clients/node: change those.\n\n"
    return f"{head}\n\n{notice}" + _imports(imported) + "\n" + "\n".join(parts)


def _imports(imported: dict[str, set[str]]) -> str:
    lines: list[str] = []
    for module, names in sorted(imported.items()):
        whole = sorted(name[1:] for name in names if name.startswith("="))
        some = ", ".join(sorted(name for name in names if not name.startswith("=")))
        lines += [f"import {name} from '{module}';\n" for name in whole]
        lines += [f"import {{ {some} }} from '{module}';\n"] if some else []
    return "".join(lines)


def _tables() -> str:
    sys.path.insert(0, str(CLIENTS.parent / "lambda"))
    from audit_core.fields_1 import FIELDS_1  # noqa: PLC0415 - found by the line above
    from audit_core.finish_reasons import BLOCKED_FINISHES, FAILED_FINISHES  # noqa: PLC0415 - as above

    answers = json.loads((CLIENTS / "python" / "src" / "audit_log_client" / "answers.json").read_text("utf-8"))
    sets = {"FIELDS_1": FIELDS_1, "BLOCKED_REASONS": BLOCKED_FINISHES, "FAILED_REASONS": FAILED_FINISHES}
    lines = ["// Tables of the log's core, and of what providers answer\n"]
    for name, words in sets.items():
        listed = ", ".join(f"'{word}'" for word in sorted(words))
        text = textwrap.fill(listed, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines.append(f"const {name} = new Set([\n{text},\n]);\n")
    members = "".join(f"  {name}: {json.dumps(value)},\n" for name, value in answers.items())
    lines.append(f"const ANSWERS = {{\n{members}}};\n")
    return "\n".join(lines)


if __name__ == "__main__":
    BUILT.write_text(build(), "utf-8")
