"""How a command reaches a deployed stack: its outputs, the caller's credentials, and the roles taken on from them.

Guarantees: a stack that claims an emulator is only ever reached on loopback, with the emulator's own public test
credentials and past any proxy; a real stack is only ever reached with the caller's own credentials. No token or key is
in any message or `repr`.
"""

import functools
import itertools
import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

from cli import stack_outputs
from cli.console import printable
from cli.exits import CouldNot
from policies.iam import Bounds
from policies.place import Principal, ResourceNames
from policies.retention import PROFILES, Mode, Retention

if TYPE_CHECKING:
    import httpx
    from botocore.config import Config

Client: TypeAlias = Any
"""A boto3 client: its methods are made at run time, and no stub of them is installed."""

LOCAL_OUTPUTS: Final = Path(".local") / "outputs.json"
_EMULATOR_KEY: Final = "test"  # the emulator's root, the same on every machine: no secret
_SESSION_NAME: Final = "audit-log"
_RENEWAL: Final = timedelta(minutes=5)
_HEALTH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The outputs of one deployed stack.

    `endpoint` has no trailing slash; `tokens` maps an agent's name to its token, in the order of the stack's `agents`;
    `emulator_url` is None on a real cloud.
    """

    endpoint: str
    tokens: Mapping[str, str] = field(repr=False)
    bucket: str
    region: str
    account: str
    writer_role_arn: str
    auditor_role_arn: str
    retention_admin_role_arn: str
    hold_releaser_role_arn: str
    administrators: tuple[str, ...]
    function_name: str
    function_log_group: str
    package_sha256: str
    retention_mode: Mode
    retention_days: int
    profile: str
    alarm_topic_arn: str
    keys_parameter: str
    vault_bucket: str | None = None
    vault_reader_role_arn: str | None = None
    sealer_role_arn: str | None = None
    sealer_function_name: str = ""
    sealer_function_log_group: str = ""
    sealer_package_sha256: str = ""
    seal_queue_url: str = ""
    seal_origin: str | None = None
    seal_key_id: str | None = None
    seal_minutes: int = 5
    emulator_url: str | None = None

    @property
    def is_local(self) -> bool:
        """Whether the stack runs in the emulator on this machine."""
        return self.emulator_url is not None

    @property
    def first_agent(self) -> str:
        """The default agent: the first of the stack's `agents`."""
        return next(iter(self.tokens))

    @property
    def place(self) -> ResourceNames:
        """The stack's physical names, as the policies take them. Raises CouldNot for a stack that has no sealer yet."""
        if self.sealer_role_arn is None:
            raise CouldNot("stack output sealer_role_arn: is not there; deploy the stack with this version first")
        arns = {
            Principal.WRITER: self.writer_role_arn,
            Principal.SEALER: self.sealer_role_arn,
            Principal.AUDITOR: self.auditor_role_arn,
            Principal.RETENTION_ADMIN: self.retention_admin_role_arn,
            Principal.HOLD_RELEASER: self.hold_releaser_role_arn,
            Principal.VAULT_READER: self.vault_reader_role_arn,
        }
        return ResourceNames(
            partition=self.auditor_role_arn.split(":")[1],
            region=self.region,
            account=self.account,
            bucket=self.bucket,
            function=self.function_name,
            log_group=self.function_log_group,
            keys=self.keys_parameter,
            sealer=self.sealer_function_name,
            sealer_log_group=self.sealer_function_log_group,
            queue=self.seal_queue_url.rpartition("/")[2],
            topic=self.alarm_topic_arn.rpartition(":")[2],
            roles={principal: role_name(arn) for principal, arn in arns.items() if arn},
            vault=self.vault_bucket or "",
            role_path=self.auditor_role_arn.partition(":role")[2].removesuffix(role_name(self.auditor_role_arn)),
        )

    @property
    def bounds(self) -> Bounds:
        """What the retention admin is kept within."""
        return Bounds.of(PROFILES[self.profile], Retention(mode=self.retention_mode, days=self.retention_days))

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, object]) -> "Deployment":
        """Return the deployment that stack outputs describe; raise CouldNot naming the output that is unusable."""
        retention = outputs.get("retention")
        if not isinstance(retention, Mapping):
            raise CouldNot("stack output retention: an object of mode and days is required")
        days, mode = retention.get("days"), retention.get("mode")
        if not isinstance(days, int) or isinstance(days, bool) or days < 1:
            raise CouldNot("stack output retention.days: a whole number of days is required")
        if mode not in list(Mode):
            raise CouldNot(f"stack output retention.mode: one of {', '.join(Mode)} is required")
        profile = stack_outputs.text(outputs, "profile")
        if profile not in PROFILES:
            raise CouldNot(f"stack output profile: one of {', '.join(PROFILES)} is required")
        emulator_url = outputs.get("emulator_url")
        if emulator_url is not None:
            emulator_url = stack_outputs.loopback(emulator_url, "emulator_url")
        url = stack_outputs.remote if emulator_url is None else stack_outputs.loopback
        together = (names for names in _TOGETHER if names[0] in outputs)
        return cls(
            endpoint=url(stack_outputs.text(outputs, "endpoint"), "endpoint"),
            tokens=stack_outputs.tokens(outputs.get("tokens"), outputs.get("agents")),
            administrators=stack_outputs.texts(outputs, "administrators"),
            retention_mode=Mode(mode),
            retention_days=days,
            profile=profile,
            seal_minutes=stack_outputs.minutes(outputs.get("seal_minutes", 5)),
            emulator_url=emulator_url,
            **_named(outputs, *_ALWAYS, *itertools.chain.from_iterable(together)),
        )


_ALWAYS: Final = (
    *("bucket", "region", "account", "function_name", "function_log_group", "package_sha256"),
    *("writer_role_arn", "auditor_role_arn", "retention_admin_role_arn", "hold_releaser_role_arn"),
    *("alarm_topic_arn", "keys_parameter"),
)
"""Texts and roles that every stack has. Each field of `Deployment` has the name of its output."""
_TOGETHER: Final = (
    ("vault_bucket", "vault_reader_role_arn"),
    (
        *("sealer_role_arn", "sealer_function_name", "sealer_function_log_group", "sealer_package_sha256"),
        "seal_queue_url",
    ),
    ("seal_origin",),
    ("seal_key_id",),
)
"""Those that some stacks have: where the first of a group is an output, the others must be."""


def _named(outputs: Mapping[str, object], *names: str) -> dict[str, Any]:
    """Return the outputs of these names, each a role's ARN or another text."""
    return {
        name: (stack_outputs.role if name.endswith("_role_arn") else stack_outputs.text)(outputs, name)
        for name in names
    }


def load_deployment(*, outputs: Path | None, stack: str | None) -> Deployment:
    """Return the deployment named by an outputs file or a Pulumi stack; with neither, the local one of `make up`."""
    if outputs is not None and stack is not None:
        raise CouldNot("--outputs and --stack: give one of them")
    if stack is not None:
        return Deployment.from_outputs(_pulumi_outputs(stack))
    path = outputs if outputs is not None else project_root() / LOCAL_OUTPUTS
    if not path.is_file():
        if outputs is not None:
            raise CouldNot(f"{path}: no such file")
        raise CouldNot(f"{path}: no such file; run `make up`, or name a stack with --stack or --outputs")
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CouldNot(f"{path}: not readable as JSON ({type(error).__name__})") from None
    if not isinstance(document, dict):
        raise CouldNot(f"{path}: a JSON object of stack outputs is required")
    return Deployment.from_outputs(document)


def project_root() -> Path:
    """Return the folder of the project's Pulumi.yaml: at or above the working directory, else beside this package."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file() and (folder / "stacks").is_dir():
            return folder
    return Path(__file__).resolve().parent.parent


def _pulumi_outputs(stack: str) -> Mapping[str, object]:
    executable = shutil.which("pulumi")
    if executable is None:
        raise CouldNot("--stack: the pulumi program is not on PATH; give the stack's outputs with --outputs FILE")
    command = [executable, "stack", "output", "--json", "--show-secrets", "--non-interactive", "--stack", stack]
    try:
        done = subprocess.run(command, cwd=project_root(), capture_output=True, check=False, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CouldNot(f"--stack {stack}: pulumi could not be run ({type(error).__name__})") from None
    if done.returncode != 0:
        # Standard error carries Pulumi's own reason; standard output may carry secrets and is never shown.
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CouldNot(
            f"--stack {stack}: {printable(reason[-1]) if reason else f'pulumi exited with {done.returncode}'}"
        )
    try:
        document = json.loads(done.stdout)
    except (ValueError, RecursionError):
        raise CouldNot(f"--stack {stack}: pulumi's outputs are not JSON") from None
    if not isinstance(document, dict) or not document:
        raise CouldNot(f"--stack {stack}: the stack has no outputs; run `pulumi up` first")
    return document


class Connection:
    """Clients of a deployment's cloud, as the caller or as one of the stack's roles.

    Each is made once and kept until the connection, a context manager, is closed.
    """

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._taken: dict[str, Mapping[str, Any]] = {}
        self._clients: dict[tuple[str, str | None], Client] = {}

    def __enter__(self) -> Self:
        if self.deployment.is_local:
            self.require_answer()
        return self

    def require_answer(self) -> None:
        """Raise CouldNot when the cloud does not answer: one error instead of one for each call."""
        if self.deployment.emulator_url is None:
            self._identify()
            return
        import httpx  # noqa: PLC0415 - see `http`

        try:
            url = f"{self.deployment.emulator_url}/_ministack/health"
            httpx.get(url, timeout=_HEALTH_SECONDS, trust_env=False).raise_for_status()
        except httpx.HTTPError as error:
            where = f"the local cloud at {self.deployment.emulator_url} does not answer ({type(error).__name__})"
            raise CouldNot(f"{where}; start it with `make up`") from None

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every client."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if "http" in self.__dict__:
            self.http.close()

    def client(self, service: str, *, role_arn: str | None = None) -> Client:
        """Return a boto3 client of `service` as `role_arn`, or as the caller; raise CouldNot if the role is refused."""
        self._forget_expired(role_arn)
        known = self._clients.get((service, role_arn))
        if known is None:
            known = self._session.client(
                service,
                endpoint_url=self.deployment.emulator_url,
                config=self._config,
                **self._credentials(role_arn),
            )
            self._clients[service, role_arn] = known
        return known

    def _forget_expired(self, role_arn: str | None) -> None:
        """Drop a role's clients shortly before its credentials end, which are good for an hour."""
        ends = self._taken.get(role_arn, {}).get("Expiration") if role_arn is not None else None
        if isinstance(ends, datetime) and ends - datetime.now(UTC) < _RENEWAL:
            for key in [key for key in self._clients if key[1] == role_arn]:
                self._clients.pop(key).close()
            del self._taken[str(role_arn)]

    @functools.cached_property
    def http(self) -> "httpx.Client":
        """An HTTP client for the endpoint: no redirects, no proxy on loopback, 30 s a request."""
        import httpx  # noqa: PLC0415 - 40 ms that most commands do not need

        return httpx.Client(timeout=30.0, trust_env=not self.deployment.is_local)

    @functools.cached_property
    def caller_arn(self) -> str:
        """The ARN of who runs the command, as STS tells it."""
        return self._identify()

    def _identify(self) -> str:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415
        from botocore.exceptions import ConnectionError as NoConnectionError  # noqa: PLC0415

        try:
            return str(self.client("sts").get_caller_identity()["Arn"])
        except (NoConnectionError, HTTPClientError) as error:
            raise CouldNot(f"AWS does not answer ({aws_reason(error)}); check your network and its proxy") from None
        except (BotoCoreError, ClientError) as error:
            raise CouldNot(f"AWS credentials: {aws_reason(error)}") from None

    @functools.cached_property
    def administrator_arn(self) -> str | None:
        """Whom to act as for what an administrator may do.

        None is the caller, when it is one of the administrators; otherwise the first administrator role. On the
        emulator that is always the role: its account root passes every bucket policy, as on no real cloud.
        """
        stack = self.deployment
        if not stack.is_local and any(is_same_principal(self.caller_arn, arn) for arn in stack.administrators):
            return None
        return next((arn for arn in stack.administrators if ":role/" in arn), None)

    @functools.cached_property
    def _config(self) -> "Config":
        from botocore.config import Config  # noqa: PLC0415

        plain = Config(connect_timeout=10, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 4})
        if not self.deployment.is_local:
            return plain
        return plain.merge(Config(proxies={}, s3={"addressing_style": "path"}))

    @functools.cached_property
    def _session(self) -> Any:  # noqa: ANN401 - its stub knows services by literal name only
        """One session for everybody: it reads botocore's models once, which takes longer than most calls."""
        region = self.deployment.region
        if self.deployment.is_local:
            # Whatever profile or file the caller has for a real cloud has no say here, and may not even be readable.
            from cli.isolated import isolated_session  # noqa: PLC0415

            return isolated_session(region=region, access_key=_EMULATOR_KEY, secret_key=_EMULATOR_KEY)
        import boto3  # noqa: PLC0415 - 190 ms that `digest` and `redact` do without

        return boto3.Session(region_name=region)

    def _credentials(self, role_arn: str | None) -> Mapping[str, str]:
        """Return who a client acts as; nothing for the caller on a real cloud, whom the session finds by itself."""
        if role_arn is not None:
            taken = self._taken.get(role_arn) or self._assume(role_arn)
            self._taken[role_arn] = taken
            return {
                "aws_access_key_id": taken["AccessKeyId"],
                "aws_secret_access_key": taken["SecretAccessKey"],
                "aws_session_token": taken["SessionToken"],
            }
        if self.deployment.is_local:
            return {"aws_access_key_id": _EMULATOR_KEY, "aws_secret_access_key": _EMULATOR_KEY}
        return {}

    def _assume(self, role_arn: str) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            reply = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=_SESSION_NAME)
        except (BotoCoreError, ClientError) as error:
            role, reason = role_name(role_arn), aws_reason(error)
            raise CouldNot(f"role {role}: {self.caller_arn} cannot take it on: {reason}") from None
        return reply["Credentials"]


def is_same_principal(caller_arn: str, arn: str) -> bool:
    """Whether who calls (as STS tells it) is the principal `arn`: itself, or a session of that role.

    A session's ARN drops the role's path, but an account has no two roles of one name.
    """
    prefix, separator, session = caller_arn.partition(":assumed-role/")
    if not separator:
        return caller_arn == arn
    return arn.startswith(f"{prefix.replace(':sts:', ':iam:')}:role/") and role_name(arn) == session.split("/")[0]


def role_name(arn: str) -> str:
    """Return the name of a role's ARN, without its path."""
    return arn.rpartition("/")[2]


def aws_reason(error: Exception) -> str:
    """Return AWS's code for an error, or the error's kind: short, and without a request's values."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return str(response.get("Error", {}).get("Code", "unknown error"))
    return type(error).__name__
