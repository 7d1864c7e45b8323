"""aws:lambda/function: code and configuration; its address and permissions are in `function_url`."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from botocore.exceptions import WaiterError

from localcloud.provider.cloud import ProviderError, missing
from localcloud.provider.handler import Handler, drop_none, stale_tags
from localcloud.provider.package import zip_bytes
from localcloud.provider.schema import (
    Failure,
    Schema,
    archive,
    block,
    boolean,
    integer,
    listing,
    mapping,
    text,
)
from localcloud.provider.values import UNKNOWN, Archive, Props

_GONE: Final = ("ResourceNotFoundException",)
_THERE: Final = ("ResourceConflictException",)
_REGION: Final = text(computed=True, force_new=True)
_READY_SECONDS: Final = 60
_WAIT: Final = {"Delay": 0.1, "MaxAttempts": _READY_SECONDS * 10}
_NO_RESERVATION: Final = -1
_ENVIRONMENT_BYTES: Final = 4096


def _digest(package: bytes) -> str:
    """Return a package's digest as Lambda tells it."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


class Function(Handler):
    """`aws:lambda/function:Function` from a zip; no layers, no VPC, no image."""

    token = "aws:lambda/function:Function"  # noqa: S105 - a type token
    inputs: ClassVar[Schema] = {
        "architectures": listing(text(choices=("x86_64", "arm64")), computed=True),
        "code": archive(required=True, echoed=True),
        "codeSha256": text(computed=True),
        "description": text(),
        "environment": block({"variables": mapping()}),
        "ephemeralStorage": block({"size": integer(computed=True)}, computed=True),
        "handler": text(required=True),
        "loggingConfig": block(
            {
                "applicationLogLevel": text(computed=True),
                "logFormat": text(required=True, choices=("JSON", "Text")),
                "logGroup": text(computed=True),
                "systemLogLevel": text(computed=True),
            },
            computed=True,
        ),
        "memorySize": integer(default=128),
        "name": text(force_new=True, autoname=64),
        "packageType": text(default="Zip", force_new=True, choices=("Zip",)),
        "publish": boolean(default=False, echoed=True),
        "region": _REGION,
        "reservedConcurrentExecutions": integer(default=_NO_RESERVATION),
        "role": text(required=True),
        "runtime": text(required=True),
        "sourceCodeHash": text(computed=True, echoed=True),
        "tags": mapping(),
        "timeout": integer(default=3),
        "tracingConfig": block({"mode": text(required=True, choices=("Active", "PassThrough"))}, computed=True),
    }
    outputs = frozenset(
        {
            "arn",
            "invokeArn",
            "lastModified",
            "qualifiedArn",
            "qualifiedInvokeArn",
            "responseStreamingInvokeArn",
            "sourceCodeSize",
            "tagsAll",
            "version",
        }
    )
    _of_code: ClassVar = frozenset({"codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified"})
    volatile: ClassVar = {
        **dict.fromkeys(sorted(inputs), frozenset({"lastModified"})),
        "code": _of_code,
        "codeSha256": _of_code,
        "publish": frozenset({"version", "qualifiedArn", "qualifiedInvokeArn", "lastModified"}),
        "sourceCodeHash": _of_code,
    }
    _of_configuration: ClassVar = frozenset(
        {
            "description",
            "environment",
            "ephemeralStorage",
            "handler",
            "loggingConfig",
            "memorySize",
            "role",
            "runtime",
            "timeout",
            "tracingConfig",
        }
    )

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Hold what AWS refuses and the emulator accepts: an environment of more than 4 KB, a reservation below 0."""
        variables = (inputs.get("environment") or {}) if inputs.get("environment") is not UNKNOWN else {}
        pairs = variables.get("variables") or {}
        if isinstance(pairs, dict) and UNKNOWN not in pairs.values():
            size = len(json.dumps(pairs, ensure_ascii=False, separators=(",", ":")).encode())
            if size > _ENVIRONMENT_BYTES:
                reason = f"take {size} bytes; AWS allows {_ENVIRONMENT_BYTES}"
                yield Failure(path="environment.variables", reason=reason)
        reserved = inputs.get("reservedConcurrentExecutions")
        if isinstance(reserved, int) and reserved < _NO_RESERVATION:
            yield Failure(path="reservedConcurrentExecutions", reason=f"must be at least -1, not {reserved}")

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """A function's id is its name."""
        return inputs.get("name")

    def create(self, inputs: Props) -> str:
        """Make the function, unless there is one of that name, and wait until it can be called."""
        name = str(inputs["name"])
        with missing(*_THERE):
            self.cloud.client("lambda").create_function(
                FunctionName=name,
                Code={"ZipFile": zip_bytes(inputs["code"])},
                PackageType=inputs["packageType"],
                Publish=inputs["publish"],
                Tags=inputs.get("tags") or {},
                **drop_none(Architectures=inputs.get("architectures")),
                **self._configuration(inputs),
            )
        self._wait("function_active_v2", name)
        return name

    def expect(self, inputs: Props) -> Props:
        """What `read` should find, with the digest that the code should have."""
        code = inputs["code"]
        if code.path is None and not code.assets:
            # A stored archive knows its hash only; for a zip on disk, that is the digest of its bytes.
            return {**inputs, "codeSha256": base64.b64encode(bytes.fromhex(code.hash)).decode()}
        return {**inputs, "codeSha256": _digest(zip_bytes(code))}

    def _configuration(self, inputs: Mapping[str, Any]) -> Props:
        logging = inputs.get("loggingConfig")
        storage = inputs.get("ephemeralStorage")
        tracing = inputs.get("tracingConfig")
        return drop_none(
            Role=inputs["role"],
            Handler=inputs["handler"],
            Runtime=inputs["runtime"],
            Description=inputs.get("description", ""),
            MemorySize=inputs["memorySize"],
            Timeout=inputs["timeout"],
            # Sent even when empty: an absent environment would leave the old one in force.
            Environment={"Variables": (inputs.get("environment") or {}).get("variables") or {}},
            EphemeralStorage=None if storage is None else {"Size": storage["size"]},
            LoggingConfig=None if logging is None else {key[0].upper() + key[1:]: logging[key] for key in logging},
            TracingConfig=None if tracing is None else {"Mode": tracing["mode"]},
        )

    def _wait(self, waiter: str, name: str) -> None:
        try:
            self.cloud.client("lambda").get_waiter(waiter).wait(FunctionName=name, WaiterConfig=_WAIT)
        except WaiterError as error:
            msg = f"function {name} did not become ready in {_READY_SECONDS} s: {error}"
            raise ProviderError(msg) from error

    def _reserve(self, name: str, inputs: Mapping[str, Any]) -> None:
        reserved = inputs["reservedConcurrentExecutions"]
        if reserved == _NO_RESERVATION:
            with missing(*_GONE):
                self.cloud.client("lambda").delete_function_concurrency(FunctionName=name)
        else:
            self.cloud.client("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=reserved
            )

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the function. Code that is not what `state` says shows up as another hash of `code`."""
        client = self.cloud.client("lambda")
        with missing(*_GONE):
            answer = client.get_function(FunctionName=resource_id)
            reserved = client.get_function_concurrency(FunctionName=resource_id).get("ReservedConcurrentExecutions")
            found, tags = answer["Configuration"], dict(answer.get("Tags") or {})
            # An unqualified function has its ARN without a version.
            arn = found["FunctionArn"]
            logging = found.get("LoggingConfig") or {}
            variables = (found.get("Environment") or {}).get("Variables")
            out = {
                "architectures": found.get("Architectures"),
                "arn": arn,
                "codeSha256": found["CodeSha256"],
                "description": found.get("Description"),
                "environment": {"variables": variables} if variables else None,
                "ephemeralStorage": {"size": found.get("EphemeralStorage", {}).get("Size", 512)},
                "handler": found.get("Handler"),
                "invokeArn": self._invoke_arn(arn, "2015-03-31"),
                "lastModified": found.get("LastModified"),
                "loggingConfig": {key[0].lower() + key[1:]: value for key, value in logging.items()} or None,
                "memorySize": found.get("MemorySize"),
                "name": found["FunctionName"],
                "packageType": found.get("PackageType", "Zip"),
                "qualifiedArn": f"{arn}:{found['Version']}",
                "qualifiedInvokeArn": self._invoke_arn(f"{arn}:{found['Version']}", "2015-03-31"),
                "region": self.cloud.region,
                "reservedConcurrentExecutions": _NO_RESERVATION if reserved is None else reserved,
                "responseStreamingInvokeArn": self._invoke_arn(arn, "2021-11-15", "response-streaming-invocations"),
                "role": found["Role"],
                "runtime": found.get("Runtime"),
                "sourceCodeSize": found.get("CodeSize"),
                "tags": tags,
                "tagsAll": tags,
                "timeout": found.get("Timeout"),
                "tracingConfig": {"mode": found.get("TracingConfig", {}).get("Mode", "PassThrough")},
                "version": found["Version"],
            }
            out["sourceCodeHash"] = state.get("sourceCodeHash") or found["CodeSha256"]
            known = state.get("code")
            if isinstance(known, Archive) and state.get("codeSha256") not in (None, found["CodeSha256"]):
                actual = base64.b64decode(found["CodeSha256"]).hex()
                out["code"] = Archive(path=known.path, assets=known.assets, hash=actual)
                out["sourceCodeHash"] = found["CodeSha256"]
            return out
        return None

    def _invoke_arn(self, arn: str, version: str, verb: str = "invocations") -> str:
        return f"arn:aws:apigateway:{self.cloud.region}:lambda:path/{version}/functions/{arn}/{verb}"

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs, one part at a time, each waited for: AWS refuses a second change during the first."""
        client = self.cloud.client("lambda")
        if changed & self._of_configuration:
            client.update_function_configuration(FunctionName=resource_id, **self._configuration(inputs))
            self._wait("function_updated_v2", resource_id)
        if changed & {"architectures", "code", "codeSha256", "publish", "sourceCodeHash"}:
            package = zip_bytes(inputs["code"])
            client.update_function_code(
                FunctionName=resource_id,
                ZipFile=package,
                Publish=inputs["publish"],
                **drop_none(Architectures=inputs.get("architectures")),
            )
            self._wait("function_updated_v2", resource_id)
            self._verify(resource_id, package)
        if "reservedConcurrentExecutions" in changed:
            self._reserve(resource_id, inputs)
        if "tags" in changed:
            arn = client.get_function_configuration(FunctionName=resource_id)["FunctionArn"]
            stale = stale_tags(state, inputs)
            if stale:
                client.untag_resource(Resource=arn, TagKeys=stale)
            if inputs.get("tags"):
                client.tag_resource(Resource=arn, Tags=inputs["tags"])

    def _verify(self, name: str, package: bytes) -> None:
        running = self.cloud.client("lambda").get_function_configuration(FunctionName=name)["CodeSha256"]
        sent = _digest(package)
        if running != sent:
            msg = f"function {name} has code with SHA-256 {running}, not {sent} as sent: somebody else deploys it too"
            raise ProviderError(msg)

    def delete(self, resource_id: str, state: Props) -> None:
        """Delete the function; its URL and permissions go with it."""
        del state
        with missing(*_GONE):
            self.cloud.client("lambda").delete_function(FunctionName=resource_id)


HANDLERS: Final[tuple[type[Handler], ...]] = (Function,)
