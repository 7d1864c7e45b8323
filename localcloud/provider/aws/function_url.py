"""aws:lambda/functionUrl and permission: where a function is reached, and by whom."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from localcloud.provider.cloud import ProviderError, missing
from localcloud.provider.handler import Handler, drop_none
from localcloud.provider.schema import Schema, boolean, text
from localcloud.provider.values import Props

_GONE: Final = ("ResourceNotFoundException",)
_THERE: Final = ("ResourceConflictException",)
_REGION: Final = text(computed=True, force_new=True)


class FunctionUrl(Handler):
    """`aws:lambda/functionUrl:FunctionUrl`. The address is one of the emulator's own, that any HTTP client reaches."""

    token = "aws:lambda/functionUrl:FunctionUrl"  # noqa: S105
    inputs: ClassVar[Schema] = {
        "authorizationType": text(required=True, choices=("NONE", "AWS_IAM")),
        "functionName": text(required=True, force_new=True),
        "invokeMode": text(default="BUFFERED", choices=("BUFFERED", "RESPONSE_STREAM")),
        "qualifier": text(force_new=True),
        "region": _REGION,
    }
    outputs = frozenset({"functionArn", "functionUrl", "urlId"})

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """`name`, or `name/qualifier`."""
        qualifier = inputs.get("qualifier")
        return f"{inputs['functionName']}/{qualifier}" if qualifier else inputs.get("functionName")

    def create(self, inputs: Props) -> str:
        """Make the URL, unless there is one. As with the official provider, an open one comes with a permission."""
        client, target = self.cloud.client("lambda"), self._target(inputs)
        with missing(*_THERE):
            client.create_function_url_config(
                **target, AuthType=inputs["authorizationType"], InvokeMode=inputs["invokeMode"]
            )
        if inputs["authorizationType"] == "NONE":
            with missing(*_THERE):
                client.add_permission(
                    **target,
                    StatementId="FunctionURLAllowPublicAccess",
                    Action="lambda:InvokeFunctionUrl",
                    Principal="*",
                    FunctionUrlAuthType="NONE",
                )
        return str(self.identify(inputs))

    def _target(self, inputs: Mapping[str, Any]) -> Props:
        return drop_none(FunctionName=inputs["functionName"], Qualifier=inputs.get("qualifier"))

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the URL, None when it or the function is gone."""
        del state
        name, _, qualifier = resource_id.partition("/")
        with missing(*_GONE):
            found = self.cloud.client("lambda").get_function_url_config(
                **drop_none(FunctionName=name, Qualifier=qualifier or None)
            )
            url_id = (urlsplit(found["FunctionUrl"]).hostname or "").partition(".")[0]
            return {
                "authorizationType": found["AuthType"],
                "functionArn": found["FunctionArn"],
                "functionName": name,
                "functionUrl": f"{self.cloud.endpoint_url}/_aws/lambda-url/{url_id}/",
                "invokeMode": found.get("InvokeMode", "BUFFERED"),
                "qualifier": qualifier or None,
                "region": self.cloud.region,
                "urlId": url_id,
            }
        return None

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Set who may call, and how answers come."""
        del resource_id, state, changed
        self.cloud.client("lambda").update_function_url_config(
            **self._target(inputs), AuthType=inputs["authorizationType"], InvokeMode=inputs["invokeMode"]
        )

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the URL away."""
        del state
        name, _, qualifier = resource_id.partition("/")
        with missing(*_GONE):
            self.cloud.client("lambda").delete_function_url_config(
                **drop_none(FunctionName=name, Qualifier=qualifier or None)
            )


class Permission(Handler):
    """`aws:lambda/permission:Permission`: one statement of the function's policy; it is never changed, but replaced."""

    token = "aws:lambda/permission:Permission"  # noqa: S105
    _parameters: ClassVar[Mapping[str, str]] = {
        "action": "Action",
        "eventSourceToken": "EventSourceToken",
        "functionUrlAuthType": "FunctionUrlAuthType",
        "invokedViaFunctionUrl": "InvokedViaFunctionUrl",
        "principal": "Principal",
        "principalOrgId": "PrincipalOrgID",
        "sourceAccount": "SourceAccount",
        "sourceArn": "SourceArn",
    }
    inputs: ClassVar[Schema] = {
        "action": text(required=True, force_new=True),
        "eventSourceToken": text(force_new=True),
        "function": text(required=True, force_new=True),
        "functionUrlAuthType": text(force_new=True, choices=("NONE", "AWS_IAM")),
        "invokedViaFunctionUrl": boolean(force_new=True),
        "principal": text(required=True, force_new=True),
        "principalOrgId": text(force_new=True),
        "qualifier": text(force_new=True),
        "region": _REGION,
        "sourceAccount": text(force_new=True),
        "sourceArn": text(force_new=True),
        "statementId": text(force_new=True, autoname=100),
    }
    # The condition keys in which the statement holds a parameter, lower-cased (AWS is not of one mind on the case).
    _conditions: ClassVar[Mapping[str, str]] = {
        "aws:principalorgid": "principalOrgId",
        "aws:sourceaccount": "sourceAccount",
        "aws:sourcearn": "sourceArn",
        "lambda:eventsourcetoken": "eventSourceToken",
        "lambda:functionurlauthtype": "functionUrlAuthType",
        "lambda:invokedviafunctionurl": "invokedViaFunctionUrl",
    }

    def identify(self, inputs: Mapping[str, Any]) -> str | None:
        """The statement's id."""
        return inputs.get("statementId")

    def create(self, inputs: Props) -> str:
        """Add the statement; one of the same id is taken out first."""
        client = self.cloud.client("lambda")
        target = drop_none(
            FunctionName=inputs["function"], StatementId=inputs["statementId"], Qualifier=inputs.get("qualifier")
        )
        with missing(*_GONE):
            client.remove_permission(**target)
        given = {theirs: inputs.get(ours) for ours, theirs in self._parameters.items()}
        client.add_permission(**target, **drop_none(**given))
        return str(inputs["statementId"])

    def read(self, resource_id: str, state: Mapping[str, Any]) -> Props | None:
        """Return the statement. For an import the id is `function/statement`."""
        function = state.get("function")
        if function is None:
            function, _, resource_id = resource_id.rpartition("/")
        with missing(*_GONE):
            answer = self.cloud.client("lambda").get_policy(
                **drop_none(FunctionName=function, Qualifier=state.get("qualifier"))
            )
            for statement in json.loads(answer["Policy"])["Statement"]:
                if statement.get("Sid") == resource_id:
                    return {
                        "function": function,
                        "qualifier": state.get("qualifier"),
                        "region": self.cloud.region,
                        **self._from_statement(statement),
                    }
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

    def update(self, resource_id: str, state: Props, inputs: Props, changed: frozenset[str]) -> None:
        """Never called: every input replaces."""
        del resource_id, state, inputs
        msg = f"a permission cannot be changed in place: {', '.join(sorted(changed))}"
        raise ProviderError(msg)

    def delete(self, resource_id: str, state: Props) -> None:
        """Take the statement out of the policy."""
        with missing(*_GONE):
            self.cloud.client("lambda").remove_permission(
                **drop_none(FunctionName=state["function"], StatementId=resource_id, Qualifier=state.get("qualifier"))
            )


HANDLERS: Final[tuple[type[Handler], ...]] = (FunctionUrl, Permission)
