"""aws:lambda/functionUrl and permission: where a function is reached, and by whom."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from localcloud.provider.cloud import missing
from localcloud.provider.handler import REGION, Handler
from localcloud.provider.schema import Schema, boolean, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_EXISTS: Final = ("ResourceConflictException",)


class FunctionUrl(Handler):
    """`aws:lambda/functionUrl:FunctionUrl`. The address is one of the emulator's own, that any HTTP client reaches."""

    token = "aws:lambda/functionUrl:FunctionUrl"  # noqa: S105
    service, gone, id_input, id_parameter = "lambda", _GONE, "functionName", "FunctionName"
    deletion = "delete_function_url_config"
    inputs: ClassVar[Schema] = {
        "authorizationType": text(required=True, choices=("NONE", "AWS_IAM"), api="AuthType"),
        "functionName": text(required=True, force_new=True),
        "region": REGION,
    }
    outputs = frozenset({"functionArn", "functionUrl", "urlId"})

    def create(self, inputs: Props) -> str:
        """Make the URL, unless it exists. As with the official provider, an open one comes with a permission."""
        with missing(*_EXISTS):
            self.client.create_function_url_config(**self.request(inputs))
        if inputs["authorizationType"] == "NONE":
            with missing(*_EXISTS):
                self.client.add_permission(
                    FunctionName=inputs["functionName"],
                    StatementId="FunctionURLAllowPublicAccess",
                    Action="lambda:InvokeFunctionUrl",
                    Principal="*",
                    FunctionUrlAuthType="NONE",
                )
        return str(inputs["functionName"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the URL."""
        found = self.client.get_function_url_config(**self.target(resource_id, state))
        url_id = (urlsplit(found["FunctionUrl"]).hostname or "").partition(".")[0]
        return {
            **self.answer(found),
            "functionArn": found["FunctionArn"],
            "functionName": resource_id,
            "functionUrl": f"{self.cloud.endpoint_url}/_aws/lambda-url/{url_id}/",
            "urlId": url_id,
        }

    def change(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set who may call."""
        del resource_id, state, changed
        self.client.update_function_url_config(**self.request(inputs))


class Permission(Handler):
    """`aws:lambda/permission:Permission`: one statement of the function's policy; it is never changed, but replaced."""

    token = "aws:lambda/permission:Permission"  # noqa: S105
    service, gone, id_input, deletion = "lambda", _GONE, "statementId", "remove_permission"
    inputs: ClassVar[Schema] = {
        "action": text(required=True, force_new=True),
        "function": text(required=True, force_new=True, api="FunctionName"),
        "functionUrlAuthType": text(force_new=True, choices=("NONE", "AWS_IAM")),
        "invokedViaFunctionUrl": boolean(force_new=True),
        "principal": text(required=True, force_new=True),
        "region": REGION,
        "sourceArn": text(force_new=True),
        "statementId": text(force_new=True, autoname=100),
    }
    # The condition keys that hold an input in the statement, in lower case (AWS spells them in several ways).
    _conditions: ClassVar[Mapping[str, str]] = {
        "aws:sourcearn": "sourceArn",
        "lambda:functionurlauthtype": "functionUrlAuthType",
        "lambda:invokedviafunctionurl": "invokedViaFunctionUrl",
    }

    def target(self, resource_id: str, state: Mapping[str, Any]) -> Props:
        """Return function and statement."""
        return {"FunctionName": state["function"], "StatementId": resource_id}

    def create(self, inputs: Props) -> str:
        """Add the statement; remove one of the same id first."""
        self.delete(inputs["statementId"], inputs)
        self.client.add_permission(**self.request(inputs))
        return str(inputs["statementId"])

    def find(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the statement. For an import the id is `function/statement`."""
        function = state.get("function")
        if function is None:
            function, _, resource_id = resource_id.rpartition("/")
        document = json.loads(self.client.get_policy(FunctionName=function)["Policy"])
        for statement in document["Statement"]:
            if statement.get("Sid") == resource_id:
                return {"function": function, **self._from_statement(statement)}
        return None

    def _from_statement(self, statement: Mapping[str, Any]) -> Props:
        principal = statement["Principal"]
        out: Props = {
            "action": statement["Action"],
            "principal": principal if isinstance(principal, str) else next(iter(principal.values())),
            "statementId": statement["Sid"],
        }
        for operands in statement.get("Condition", {}).values():
            for key, value in operands.items():
                name = self._conditions.get(key.lower())
                if name is not None:
                    out[name] = str(value).lower() == "true" if name == "invokedViaFunctionUrl" else value
        return out
