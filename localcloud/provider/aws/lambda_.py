"""aws:lambda/function: code and configuration; its address and permissions are in `function_url`."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from botocore.exceptions import WaiterError

from localcloud.provider.cloud import ProviderError, missing
from localcloud.provider.handler import REGION, TAGS, Handler, Tagging, drop_none
from localcloud.provider.package import zip_bytes
from localcloud.provider.schema import Failure, Schema, archive, block, integer, listing, mapping, text
from localcloud.provider.values import UNKNOWN, Archive, Props

_GONE: Final = ("ResourceNotFoundException",)
_READY_SECONDS: Final = 60
_WAIT: Final = {"Delay": 0.1, "MaxAttempts": _READY_SECONDS * 10}
_NO_RESERVATION: Final = -1
_ENVIRONMENT_BYTES: Final = 4096
_CONFIGURATION: Final = (
    "description",
    "environment",
    "handler",
    "loggingConfig",
    "memorySize",
    "role",
    "runtime",
    "timeout",
)
"""The inputs that one call sets."""


def _digest(package: bytes) -> str:
    """Return a package's digest as Lambda writes it."""
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


class Function(Handler):
    """`aws:lambda/function:Function` from a zip; no layers, no VPC, no image."""

    token = "aws:lambda/function:Function"  # noqa: S105 - a type token
    service, gone, id_parameter, deletion = "lambda", _GONE, "FunctionName", "delete_function"
    inputs: ClassVar[Schema] = {
        "architectures": listing(text(choices=("x86_64", "arm64")), computed=True),
        "code": archive(required=True, echoed=True, api=None),
        "codeSha256": text(computed=True),
        "description": text(),
        "environment": block({"variables": mapping()}),
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
        "name": text(force_new=True, autoname=64, api="FunctionName"),
        "packageType": text(default="Zip", force_new=True, choices=("Zip",)),
        "region": REGION,
        "reservedConcurrentExecutions": integer(default=_NO_RESERVATION, api=None),
        "role": text(required=True),
        "runtime": text(required=True),
        "sourceCodeHash": text(computed=True, echoed=True, api=None),
        "tags": TAGS,
        "timeout": integer(default=3),
    }
    outputs = frozenset(
        {
            *("arn", "invokeArn", "lastModified", "qualifiedArn", "qualifiedInvokeArn", "responseStreamingInvokeArn"),
            *("sourceCodeSize", "tagsAll", "version"),
        }
    )
    _of_code: ClassVar = frozenset({"codeSha256", "sourceCodeHash", "sourceCodeSize", "lastModified"})
    volatile: ClassVar = {
        **dict.fromkeys(sorted(inputs), frozenset({"lastModified"})),
        **dict.fromkeys(("code", "codeSha256", "sourceCodeHash"), _of_code),
    }
    tagging = Tagging(get="list_tags", add="tag_resource", remove="untag_resource", parameter="Resource", pair=None)

    def validate(self, inputs: Mapping[str, Any]) -> Iterable[Failure]:
        """Refuse what AWS refuses and the emulator accepts: an environment of more than 4 KB, a reservation below 0."""
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

    def create(self, inputs: Props) -> str:
        """Make the function, unless one of that name exists, and wait until it can be called."""
        with missing("ResourceConflictException"):
            request = {key: value for key, value in self.request(inputs).items() if key != "CodeSha256"}
            self.client.create_function(**request, Code={"ZipFile": zip_bytes(inputs["code"])}, **self.new_tags(inputs))
        self._wait("function_active_v2", inputs["name"])
        return str(inputs["name"])

    def prefetch(self, inputs: Props) -> Props:
        """Return what `read` should find, with the digest that the code should have."""
        code = inputs["code"]
        if code.path is None and not code.assets:
            # A stored archive knows its hash only; for a zip on disk, that is the digest of its bytes.
            return {**inputs, "codeSha256": base64.b64encode(bytes.fromhex(code.hash)).decode()}
        return {**inputs, "codeSha256": _digest(zip_bytes(code))}

    def _wait(self, waiter: str, name: str) -> None:
        try:
            self.client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=_WAIT)
        except WaiterError as error:
            raise ProviderError(f"function {name} did not become ready in {_READY_SECONDS} s: {error}") from error

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the function. Code that is not what `state` says shows as another hash of `code`."""
        name = self.target(resource_id, state)
        found = self.client.get_function(**name)["Configuration"]
        reserved = self.client.get_function_concurrency(**name).get("ReservedConcurrentExecutions", _NO_RESERVATION)
        arn, digest = found["FunctionArn"], found["CodeSha256"]  # an unqualified function has its ARN without a version
        qualified = f"{arn}:{found['Version']}"
        out = {
            **self.answer(found),
            "arn": arn,
            "invokeArn": self._invoke_arn(arn, "2015-03-31"),
            "lastModified": found.get("LastModified"),
            "qualifiedArn": qualified,
            "qualifiedInvokeArn": self._invoke_arn(qualified, "2015-03-31"),
            "reservedConcurrentExecutions": reserved,
            "responseStreamingInvokeArn": self._invoke_arn(arn, "2021-11-15", "response-streaming-invocations"),
            "sourceCodeHash": state.get("sourceCodeHash") or digest,
            "sourceCodeSize": found.get("CodeSize"),
            "version": found["Version"],
        }
        if out.get("environment") == {"variables": {}}:
            del out["environment"]
        known = state.get("code")
        if isinstance(known, Archive) and state.get("codeSha256") not in (None, digest):
            out["code"] = replace(known, hash=base64.b64decode(digest).hex())
            out["sourceCodeHash"] = digest
        return out

    def _invoke_arn(self, arn: str, version: str, verb: str = "invocations") -> str:
        return f"arn:aws:apigateway:{self.cloud.region}:lambda:path/{version}/functions/{arn}/{verb}"

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set what differs, one part at a time, and wait for each: AWS refuses a second change during the first."""
        client, name = self.client, self.target(resource_id, state)
        if not changed.isdisjoint(_CONFIGURATION):
            cleared: Props = {"Description": "", "Environment": {"Variables": {}}}
            wanted = self.request({key: inputs[key] for key in _CONFIGURATION if key in inputs})
            client.update_function_configuration(**name, **{**cleared, **wanted})
            self._wait("function_updated_v2", resource_id)
        if changed & {"architectures", "code", "codeSha256", "sourceCodeHash"}:
            package = zip_bytes(inputs["code"])
            architectures = drop_none(Architectures=inputs.get("architectures"))
            client.update_function_code(**name, ZipFile=package, **architectures)
            self._wait("function_updated_v2", resource_id)
            self._verify(resource_id, package)
        if "reservedConcurrentExecutions" in changed:
            reserved = inputs["reservedConcurrentExecutions"]
            if reserved == _NO_RESERVATION:
                client.delete_function_concurrency(**name)
            else:
                client.put_function_concurrency(**name, ReservedConcurrentExecutions=reserved)

    def _verify(self, name: str, package: bytes) -> None:
        running = self.client.get_function_configuration(FunctionName=name)["CodeSha256"]
        sent = _digest(package)
        if running != sent:
            msg = f"function {name} has code with SHA-256 {running}, not {sent} as sent: somebody else deploys it too"
            raise ProviderError(msg)
