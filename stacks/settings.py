"""The stack's settings: the only reader of its configuration.

Guarantee: a `Settings` that exists is sound in itself. Every key is declared in Pulumi.yaml; an unknown key, a value of
the wrong type or out of its range is refused with the key, the rule and what was given. `parse` is a pure function of a
mapping; `read` hands it what Pulumi was given.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeVar
from urllib.parse import urlsplit

from audit_core import layout
from components.mask_rules import MaskRuleError, MaskRules, read_mask_rules
from policies.keys import MAX_KEY_GENERATION
from policies.retention import PROFILES, Profile, Retention, RetentionError, choose
from stacks.misplaced import beside_config, meant, nearest, top_keys
from stacks.names import NO_FUNCTION_URLS, PROJECT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

AGENT: Final = re.compile("[A-Za-z0-9._\u2010\u2011-]{1,64}")
"""An agent's name: letters, digits, dot, underscore, and the three hyphens that guides and editors put there."""
ARN: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::([0-9]{12}):(?:root|(?:role|user)/[\w+=,.@/-]{1,576})")
BOUNDARY: Final = re.compile(r"arn:aws(?:-[a-z]+)*:iam::(?:[0-9]{12}|aws):policy/[\w+=,.@/-]{1,576}", re.ASCII)
ROLE_PATH: Final = re.compile(r"(?!.{513})/(?:[\w+=,.@-]+/)*", re.ASCII)
_ROLE_PATH_RULE: Final = "begin and end with a slash, such as /audit/, and have at most 512 characters"
"""What IAM takes. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html"""
EMAIL: Final = re.compile(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]{1,190}\.[^@\s,;<>\".]{2,63}")
LOCAL_ACCOUNT: Final = "000000000000"
"""The local cloud's account, an id that AWS gives to nobody."""
LOG_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
"""
MAX_AGENTS: Final = 200
RAW_VAULT: Final = "secrets will lie in the vault for up to 48 hours"
"""What `acknowledgeRawVault` must say before payloads are kept as they are."""
MAX_CONCURRENCY: Final = 10_000

DEFAULTS: Final[Mapping[str, str | int | tuple[str, ...]]] = MappingProxyType(
    {
        "cloud": "aws",
        "profile": "standard",
        "retentionDays": 0,
        "acknowledgeCompliance": "",
        "agents": ("my-agent",),
        "domainOnlyAgents": (),
        "endpointDetail": "path",
        "tokens": (),
        "maskRules": (),
        "personalData": "mask",
        "pseudonymKeyGeneration": 1,
        "digest": "sha256",
        "digestKeyGeneration": 1,
        "administrators": (),
        "auditors": (),
        "retentionAdmins": (),
        "holdReleasers": (),
        "permissionsBoundary": "",
        "rolePath": "/",
        "sealMinutes": 5,
        "anchorUrl": "",
        "alarmEmail": "",
        "accessTrail": "own",
        "envelope": "off",
        "acknowledgeRawVault": "",
        "vaultReaders": (),
        "reservedConcurrency": 0,
        "functionLogDays": 90,
        "functionTarget": "aws",
    }
)
"""Every key and its default, as declared in Pulumi.yaml (a test compares the two)."""

_Name = TypeVar("_Name", bound=str)


class SettingError(ValueError):
    """A setting that is refused: its key, the rule, and what was given."""

    def __init__(self, key: str, rule: str, given: object) -> None:
        """Give all three, in this order."""
        super().__init__(f"{key}: {rule}, got {given!r}")
        self.key = key


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """An agent's token generation, and until when the generation before it still works."""

    agent: str
    generation: int
    previous_until: datetime | None = None

    @classmethod
    def parse(cls, text: str) -> Rotation:
        """Read `<agent> <generation> [<RFC 3339 time>]`. Raises SettingError."""
        rule = "must be '<agent> <generation from 1 on> [<RFC 3339 time with a zone>]'"
        words = text.split(" ")
        if len(words) not in (2, 3) or not AGENT.fullmatch(words[0]) or not re.fullmatch("[1-9][0-9]{0,5}", words[1]):
            raise SettingError("tokens", rule, text)
        until = None
        if len(words) == 3:  # noqa: PLR2004 - the third of the three words above
            try:
                until = datetime.fromisoformat(words[2])
            except ValueError:
                raise SettingError("tokens", rule, text) from None
            if until.tzinfo is None:
                raise SettingError("tokens", rule, text)
        return cls(agent=words[0], generation=int(words[1]), previous_until=until)

    def format(self) -> str:
        """Return the text that `parse` reads."""
        until = "" if self.previous_until is None else f" {rfc3339(self.previous_until)}"
        return f"{self.agent} {self.generation}{until}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Somebody who may write: its name, what is kept of its endpoints, and its token generation."""

    name: str
    endpoint_detail: layout.EndpointDetail = "path"
    generation: int = 1
    previous_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a stack's configuration says. Tuples of ARNs are empty where the default is to be taken."""

    region: str
    profile: Profile
    retention: Retention
    agents: tuple[Agent, ...]
    mask_rules: MaskRules
    personal_data: layout.Personal
    pseudonym_key_generation: int
    digest: layout.DigestAlgorithm
    digest_key_generation: int
    administrators: tuple[str, ...]
    auditors: tuple[str, ...]
    retention_admins: tuple[str, ...]
    hold_releasers: tuple[str, ...]
    permissions_boundary: str
    role_path: str
    seal_minutes: int
    anchor_url: str
    alarm_email: str
    access_trail: Literal["own", "existing"]
    envelope: layout.EnvelopeMode
    vault_readers: tuple[str, ...]
    reserved_concurrency: int
    function_log_days: int
    function_target: Literal["aws", "local"]
    cloud: Literal["aws"] = field(default="aws")


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC, in whole seconds, as RFC 3339 has it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(config: Mapping[str, str]) -> Settings:
    """Parse configuration as Pulumi hands it to a program: full keys, values as text, lists as JSON.

    Keys of other namespaces (`aws:…`) are Pulumi's and the providers'; of them only `aws:region` is read.
    Raises SettingError or RetentionError.
    """
    own = {key.removeprefix(f"{PROJECT}:"): value for key, value in config.items() if key.startswith(f"{PROJECT}:")}
    for key, value in own.items():
        if key not in DEFAULTS:
            near = nearest(key, DEFAULTS)
            hint = f"did you mean {near}?" if near else f"the settings are {', '.join(sorted(DEFAULTS))}"
            raise SettingError(key, f"is not a setting; {hint}", value)
    for key, value in config.items():
        if (right := meant(key, DEFAULTS)) is not None:
            raise SettingError(key, f"must be written {right}, or it is ignored", value)
    region = config.get("aws:region", "")
    if not REGION.fullmatch(region):
        raise SettingError("aws:region", "must be an AWS region such as eu-central-1", region)
    if NO_FUNCTION_URLS.fullmatch(region):
        rule = "must be a region in which Lambda has function URLs, which agents post to, such as eu-central-1"
        raise SettingError("aws:region", rule, region)
    profile = PROFILES[_choice(own, "profile", tuple(PROFILES))]
    return Settings(
        region=region,
        cloud=_choice(own, "cloud", ("aws",)),
        profile=profile,
        retention=_retention(own, profile),
        agents=_agents(own),
        mask_rules=_mask_rules(own),
        personal_data=_choice(own, "personalData", layout.PERSONAL),
        pseudonym_key_generation=_integer(own, "pseudonymKeyGeneration", 1, MAX_KEY_GENERATION),
        digest=_choice(own, "digest", layout.DIGESTS),
        digest_key_generation=_integer(own, "digestKeyGeneration", 1, MAX_KEY_GENERATION),
        administrators=_arns(own, "administrators"),
        auditors=_arns(own, "auditors"),
        retention_admins=_arns(own, "retentionAdmins"),
        hold_releasers=_arns(own, "holdReleasers"),
        permissions_boundary=_matching(own, "permissionsBoundary", BOUNDARY, "be the ARN of an IAM policy"),
        role_path=_matching(own, "rolePath", ROLE_PATH, _ROLE_PATH_RULE),
        seal_minutes=_integer(own, "sealMinutes", 1, layout.MAX_SEAL_MINUTES),
        anchor_url=_anchor_url(own, profile),
        alarm_email=_matching(own, "alarmEmail", EMAIL, "be one e-mail address"),
        access_trail=_choice(own, "accessTrail", ("own", "existing")),
        envelope=_envelope(own),
        vault_readers=_arns(own, "vaultReaders"),
        reserved_concurrency=_integer(own, "reservedConcurrency", 0, MAX_CONCURRENCY),
        function_log_days=_log_days(own),
        function_target=_choice(own, "functionTarget", ("aws", "local")),
    )


def read() -> Settings:
    """Return the settings that Pulumi was started with."""
    from pulumi.runtime import config as pulumi_config  # noqa: PLC0415 - `parse` and the tools need no Pulumi

    if (file := _stack_file()).is_file():
        refuse_beside_config(top_keys(file.read_text("utf-8")))
    # The CLI hands configuration over in the environment, an embedding engine by set_all_config.
    given = {**pulumi_config.get_config_env(), **pulumi_config.CONFIG.get()}
    return parse({key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()})


def refuse_beside_config(keys: Iterable[str]) -> None:
    """Raise SettingError for a setting that stands at the top of a stack's file, where Pulumi ignores it."""
    for key, right in beside_config(keys, DEFAULTS):
        raise SettingError(key, f"must stand under `config:` as {right}, not beside it", key)


def _stack_file() -> Path:
    """Return where Pulumi keeps this stack's file, unless --config-file names another."""
    import pulumi  # noqa: PLC0415 - see `read`

    return Path(__file__).parent / f"Pulumi.{pulumi.get_stack()}.yaml"


def _text(own: Mapping[str, str], key: str) -> str:
    """Return a text setting."""
    return own.get(key, str(DEFAULTS[key]))


def _choice(own: Mapping[str, str], key: str, names: Sequence[_Name]) -> _Name:
    """Return a setting with a fixed set of values."""
    given = _text(own, key)
    for name in names:
        if name == given:
            return name
    raise SettingError(key, f"must be one of {', '.join(names)}", given)


def _integer(own: Mapping[str, str], key: str, least: int, most: int) -> int:
    """Return a whole number within bounds."""
    given = _text(own, key)
    if not re.fullmatch("-?[0-9]{1,9}", given) or not least <= int(given) <= most:
        raise SettingError(key, f"must be a whole number from {least} to {most}", given)
    return int(given)


def _list(own: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Return a list of texts without duplicates."""
    if key not in own:
        default = DEFAULTS[key]
        return default if isinstance(default, tuple) else ()
    rule = "must be a list of strings"
    try:
        values = json.loads(own[key])
    except ValueError:
        raise SettingError(key, rule, own[key]) from None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SettingError(key, rule, own[key])
    for value in values:
        if values.count(value) > 1:
            raise SettingError(key, "must not name anything twice", value)
    return tuple(values)


def _retention(own: Mapping[str, str], profile: Profile) -> Retention:
    """Return the retention. Pulumi's own integers would let through what is refused here."""
    given = _text(own, "retentionDays")
    if not re.fullmatch("-?[0-9]{1,9}", given):
        msg = f"retentionDays: must be a whole number, got {given!r}"
        raise RetentionError(msg)
    return choose(profile, int(given), _text(own, "acknowledgeCompliance"))


def _agents(own: Mapping[str, str]) -> tuple[Agent, ...]:
    """Return the agents, each with its own settings."""
    names = _list(own, "agents")
    if not 1 <= len(names) <= MAX_AGENTS:
        raise SettingError("agents", f"must name 1 to {MAX_AGENTS} agents", len(names))
    for name in names:
        if not AGENT.fullmatch(name):
            raise SettingError("agents", "a name has 1 to 64 letters, digits, dots, underscores and hyphens", name)
    plain = [name.translate(layout.HYPHENS) for name in names]
    for name, other in zip(names, plain, strict=True):
        if plain.count(other) > 1:
            raise SettingError("agents", "must differ in more than the kind of hyphen", name)
    domain_only = _list(own, "domainOnlyAgents")
    rotations = [Rotation.parse(text) for text in _list(own, "tokens")]
    by_agent = {rotation.agent: rotation for rotation in rotations}
    if len(by_agent) != len(rotations):
        raise SettingError("tokens", "must name each agent once", [rotation.format() for rotation in rotations])
    # A rotation may outlive its agent: taking a name out of `agents` is all that revoking it takes.
    for name in domain_only:
        if name not in names:
            raise SettingError("domainOnlyAgents", f"must be among the agents ({', '.join(names)})", name)
    detail: layout.EndpointDetail = _choice(own, "endpointDetail", layout.ENDPOINT_DETAILS)
    return tuple(
        Agent(
            name=name,
            endpoint_detail="domain" if name in domain_only else detail,
            generation=by_agent[name].generation if name in by_agent else 1,
            previous_until=by_agent[name].previous_until if name in by_agent else None,
        )
        for name in names
    )


def _mask_rules(own: Mapping[str, str]) -> MaskRules:
    """Return the stack's own masking rules, tried on the engine that will run them."""
    try:
        return read_mask_rules(_list(own, "maskRules"))
    except MaskRuleError as error:
        raise SettingError("maskRules", error.reason, error.given) from error


def _arns(own: Mapping[str, str], key: str) -> tuple[str, ...]:
    """Return ARNs of roles, users or an account's root."""
    arns = _list(own, key)
    for arn in arns:
        if not ARN.fullmatch(arn):
            raise SettingError(key, "must be ARNs of IAM roles or users", arn)
    return arns


def _matching(own: Mapping[str, str], key: str, pattern: re.Pattern[str], rule: str) -> str:
    """Return a text of this form, or the default."""
    given = _text(own, key)
    if given != DEFAULTS[key] and not pattern.fullmatch(given):
        raise SettingError(key, f"must {rule}", given)
    return given


def _envelope(own: Mapping[str, str]) -> layout.EnvelopeMode:
    """Return whether payloads go to a vault, and in which form."""
    envelope: layout.EnvelopeMode = _choice(own, "envelope", layout.ENVELOPES)
    acknowledged = _text(own, "acknowledgeRawVault")
    if acknowledged != (RAW_VAULT if envelope == "raw" else ""):
        rule = f"must be {RAW_VAULT!r} for envelope raw, and is for nothing else"
        raise SettingError("acknowledgeRawVault", rule, acknowledged)
    if envelope != "off" and _text(own, "accessTrail") != "own":
        rule = "must be own where there is a vault: a trail that the account has already records no reads of objects"
        raise SettingError("accessTrail", rule, _text(own, "accessTrail"))
    return envelope


def _anchor_url(own: Mapping[str, str], profile: Profile) -> str:
    """Return the time-stamp authority; empty for none. The local cloud may use plain HTTP to this machine."""
    given = _text(own, "anchorUrl")
    if not given:
        if profile.anchored:
            rule = f"profile {profile.name} takes the https URL of an RFC 3161 time-stamping authority"
            raise SettingError("anchorUrl", rule, given)
        return ""
    local = _choice(own, "functionTarget", ("aws", "local")) == "local"
    try:
        parts = urlsplit(given)
        port, host = parts.port, parts.hostname
    except ValueError:
        parts, port, host = urlsplit(""), None, None
    plain = parts.scheme == "http" and local and host in ("127.0.0.1", "localhost")
    sound = given.isascii() and given.isprintable() and " " not in given and port != 0
    if not sound or not host or not (parts.scheme == "https" or plain) or "@" in parts.netloc or parts.fragment:
        raise SettingError("anchorUrl", "must be an https URL, without a user or a fragment", given)
    return given


def _log_days(own: Mapping[str, str]) -> int:
    """Return days that CloudWatch Logs takes."""
    days = _integer(own, "functionLogDays", LOG_DAYS[0], LOG_DAYS[-1])
    if days not in LOG_DAYS:
        raise SettingError("functionLogDays", f"must be one of {', '.join(map(str, LOG_DAYS))}", days)
    return days
