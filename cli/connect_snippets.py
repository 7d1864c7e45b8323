"""What is pasted into each platform: the files of clients/snippets, filled with a stack's endpoint and token.

Guarantees: a filled snippet is the file's text with the two placeholders replaced; nothing that is put in can end a
string or a word of a shell, of Python, JavaScript, JSON or YAML. One table says which snippets there are; the command,
`make up` and docs/agents.md all take theirs from here.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from cli.exits import CouldNot

SNIPPETS: Final = Path(__file__).resolve().parent.parent / "clients" / "snippets"
ENDPOINT_VARIABLE: Final = "AUDIT_LOG_ENDPOINT"
TOKEN_VARIABLE: Final = "AUDIT_LOG_TOKEN"  # noqa: S105 - a variable's name
EXAMPLE_ENDPOINT: Final = "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws"
EXAMPLE_TOKEN: Final = "aal_" + 43 * "x"
"""What stands in docs/agents.md where a platform reads no variables."""
_ENDPOINT: Final = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9._~-]+)*")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+")
_PLACEHOLDER: Final = re.compile(r"\{(endpoint|token)\}")
_STRING: Final = re.compile(r'"([^"\n]*\{(?:endpoint|token)\}[^"\n]*)"')


class Wire(StrEnum):
    """The form in which a platform's calls arrive."""

    NATIVE = "native"
    OPENAI_TRACES = "openai-traces"
    CLAUDE_EVENTS = "claude-events"
    CLAUDE_PLATFORM = "claude-platform"
    LITELLM = "litellm"
    OTEL_SPANS = "otel-spans"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A variable that a snippet reads its endpoint or token from, when it is run."""

    variable: str


@dataclass(frozen=True, slots=True)
class Form:
    """One thing to paste for a platform.

    `file` is its file in clients/snippets; `into` completes "Paste it into …"; `notes` are the sentences that go with
    it; `reads_variables` is False where the language could say it and the platform would not understand; `hosted` runs
    on somebody else's machines, which cannot reach a local stack.
    """

    platform: str
    name: str
    file: str
    wire: Wire
    into: str
    notes: tuple[str, ...] = ()
    reads_variables: bool = True
    hosted: bool = False

    @property
    def language(self) -> str:
        """The language of the snippet, as a fenced block names it."""
        return _LANGUAGES[self.file.rpartition(".")[2]]

    @property
    def template(self) -> str:
        """The snippet as its file has it, with its placeholders."""
        return (SNIPPETS / self.file).read_text(encoding="utf-8")

    @property
    def holds_token(self) -> bool:
        """Whether the token stands in the snippet."""
        return "{token}" in self.template

    @property
    def takes_reference(self) -> bool:
        """Whether the snippet can read a variable when it is run, so that its token need not stand in it."""
        return self.reads_variables and self.language in _REFERENCES and TOKEN_VARIABLE not in self.template

    @property
    def command(self) -> str:
        """What is typed to get this snippet."""
        is_first = next(form for form in FORMS if form.platform == self.platform) is self
        return f"audit-log connect {self.platform}" + ("" if is_first else f" {self.name}")


_LANGUAGES: Final = {
    "sh": "sh",
    "py": "python",
    "mjs": "js",
    "json": "json",
    "yaml": "yaml",
    "env": "ini",
    "txt": "text",
}
_REFERENCES: Final = {
    "sh": "${}",
    "yaml": "${{env:{}}}",
    "python": 'os.environ["{}"]',
    "js": "process.env.{}",
}
_STANDARD_IMPORTS: Final = frozenset({"import asyncio", "import uuid"})
"""First lines with which the added `import os` is sorted."""
_INSTALL: Final = "Install the client first: pip install ./clients/python"
_STORED: Final = (
    "Content stays out of it: Claude reports prompts and bodies only where OTEL_LOG_* variables ask for it."
)

FORMS: Final = (
    Form(
        "openai",
        "client",
        "openai-client.py",
        Wire.NATIVE,
        "the program that makes an OpenAI client",
        notes=(_INSTALL, "anthropic and any other httpx client take the same http_client."),
    ),
    Form(
        "openai",
        "agents",
        "openai-agents.py",
        Wire.OPENAI_TRACES,
        "the program that runs agents of the OpenAI Agents SDK",
        notes=(_INSTALL,),
    ),
    Form(
        "openai",
        "env",
        "client.sh",
        Wire.NATIVE,
        "the shell that starts the agent; the client is then just AuditLog()",
        notes=(_INSTALL,),
    ),
    Form(
        "claude",
        "env",
        "claude.sh",
        Wire.CLAUDE_EVENTS,
        "the shell that starts Claude Code or a program of the Claude Agent SDK",
        notes=(_STORED,),
    ),
    Form("claude", "settings", "claude-settings.json", Wire.CLAUDE_EVENTS, "~/.claude/settings.json", notes=(_STORED,)),
    Form(
        "claude",
        "sdk",
        "claude-agent-sdk.py",
        Wire.CLAUDE_EVENTS,
        "the program that uses the Claude Agent SDK",
        notes=(_STORED,),
    ),
    Form(
        "claude",
        "platform",
        "claude-platform.txt",
        Wire.CLAUDE_PLATFORM,
        "the Claude Console: Settings, OpenTelemetry, Add destination (Managed Agents and the Messages API)",
        hosted=True,
    ),
    Form(
        "replit",
        "js",
        "replit.mjs",
        Wire.NATIVE,
        "the agent's own code, beside a copy of clients/node/audit-log.mjs",
        notes=("In a project that others can see, take it with --no-token and put the token into Secrets.",),
        hosted=True,
    ),
    Form("replit", "secrets", "replit.env", Wire.NATIVE, "Secrets (edit as .env)", hosted=True),
    Form("litellm", "proxy", "litellm-proxy.yaml", Wire.LITELLM, "the proxy's config.yaml", reads_variables=False),
    Form(
        "litellm",
        "python",
        "litellm-python.py",
        Wire.LITELLM,
        "the program that calls LiteLLM",
        notes=("Only asynchronous calls are logged: acompletion, not completion.",),
    ),
    Form(
        "litellm",
        "env",
        "litellm.sh",
        Wire.LITELLM,
        'the shell that starts LiteLLM, where callbacks: ["generic_api"] is set already',
        notes=(
            "Without the package litellm-enterprise, LiteLLM takes that name and logs nothing, without a word.",
            "It sends up to 512 calls in a request, and loses one of more than 6 MB: use another form for large calls.",
        ),
    ),
    Form("otel", "env", "otel.sh", Wire.OTEL_SPANS, "the shell that starts anything with an OpenTelemetry SDK"),
    Form("otel", "python", "otel-python.py", Wire.OTEL_SPANS, "a program that sets OpenTelemetry up by itself"),
    Form(
        "otel",
        "collector",
        "otel-collector.yaml",
        Wire.OTEL_SPANS,
        "an OpenTelemetry Collector's configuration, beside its receivers",
    ),
    Form("python", "post", "python.py", Wire.NATIVE, "python: one call, posted by hand"),
    Form("shell", "post", "shell.sh", Wire.NATIVE, "shell: one call, posted by hand"),
)
"""Every snippet; a platform's first is the one it is connected with when no other is named."""

PLATFORMS: Final = tuple(dict.fromkeys(form.platform for form in FORMS))


def find_form(platform: str, name: str | None = None) -> Form:
    """Return a platform's form by name, or its first; raise CouldNot naming those there are."""
    forms = [form for form in FORMS if form.platform == platform]
    if not forms:
        raise CouldNot(f"{platform}: unknown platform; choose one of {', '.join(PLATFORMS)}")
    found = next((form for form in forms if name in (None, form.name)), None)
    if found is None:
        raise CouldNot(f"{platform} {name}: unknown form; choose one of {', '.join(form.name for form in forms)}")
    return found


def fill(form: Form, *, endpoint: str | Reference, token: str | Reference) -> str:
    """Return the snippet with `endpoint` (a base URL without a trailing slash) and `token` in their places.

    A Reference becomes the reading of an environment variable, in the snippet's own language. Raises CouldNot for a
    value with a character that such a value never has, and for a reference where the platform takes values only.
    """
    given = {"endpoint": endpoint, "token": token}
    for name, value in given.items():
        shape = _ENDPOINT if name == "endpoint" else _TOKEN
        if isinstance(value, str) and not shape.fullmatch(value):
            raise CouldNot(f"stack output {name}: holds what no {name} holds; nothing is printed that could be pasted")
    text = form.template
    wanted = {name for name in given if f"{{{name}}}" in text}
    references = {name: value for name in wanted if isinstance(value := given[name], Reference)}
    if references and not form.takes_reference:
        raise CouldNot(f"{form.command}: reads no variable, so its values must stand in it")
    if references and form.language in ("python", "js"):
        text = _STRING.sub(lambda match: _expression(match[1], references, form.language), text)
        if form.language == "python":
            first, _, rest = text.partition("\n")
            if first in _STANDARD_IMPORTS:
                text = "\n".join([*sorted([first, "import os"]), rest])
            else:
                text = f"import os\n\n{text}"
    values = {
        name: _REFERENCES[form.language].format(value.variable) if isinstance(value, Reference) else value
        for name, value in given.items()
        if name in wanted
    }
    return _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def shown(form: Form) -> str:
    """Return the snippet as docs/agents.md shows it: it reads endpoint and token from the environment where it can."""
    if form.takes_reference:
        return fill(form, endpoint=Reference(variable=ENDPOINT_VARIABLE), token=Reference(variable=TOKEN_VARIABLE))
    return fill(form, endpoint=EXAMPLE_ENDPOINT, token=EXAMPLE_TOKEN)


def _expression(content: str, references: dict[str, Reference], language: str) -> str:
    """Return a string literal's content as an expression in which each reference is read where its placeholder was."""
    parts: list[str] = []
    for part in re.split(r"(\{(?:endpoint|token)\})", content):
        name = part[1:-1]
        if part.startswith("{") and name in references:
            parts.append(_REFERENCES[language].format(references[name].variable))
        elif part:
            if parts and parts[-1].endswith('"'):
                parts[-1] = f'{parts[-1][:-1]}{part}"'
            else:
                parts.append(f'"{part}"')
    return " + ".join(parts)
