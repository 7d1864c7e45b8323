"""An engine's side of the protocol, as small as a test needs it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from localcloud.provider import AwsProvider, serve
from localcloud.provider.server import Provider
from localcloud.provider.values import decode, encode


class Refused(Exception):  # noqa: N818 - it reads as what it says
    """Check found failures: property → reason."""

    def __init__(self, failures: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{path} {reason}" for path, reason in failures.items()))
        self.failures = failures


class Driver:
    """Calls a provider with plain values; `raw` gives the messages themselves."""

    def __init__(self, stub: provider_pb2_grpc.ResourceProviderStub, endpoint: str) -> None:
        self.raw = stub
        self.endpoint = endpoint

    def client(self, service: str, region: str = "eu-central-1") -> Any:  # noqa: ANN401 - boto3's
        """Return a client of the emulator's root, to look behind the provider's back."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    @staticmethod
    def urn(token: str, name: str) -> str:
        """Return the URN of a resource in the test stack."""
        return f"urn:pulumi:test::agent-audit-log::{token}::{name}"

    def check(
        self, token: str, name: str, inputs: Mapping[str, Any], olds: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the checked inputs. Raises Refused."""
        answer = self.raw.Check(
            provider_pb2.CheckRequest(
                urn=self.urn(token, name),
                name=name,
                olds=encode(olds or {}),
                news=encode(inputs),
                randomSeed=b"\x01" * 32,
            )
        )
        if answer.failures:
            raise Refused({failure.property: failure.reason for failure in answer.failures})
        return decode(answer.inputs).values

    def create(
        self, token: str, name: str, inputs: Mapping[str, Any], *, preview: bool = False
    ) -> tuple[str, dict[str, Any]]:
        """Check and create; return id and state."""
        answer = self.raw.Create(
            provider_pb2.CreateRequest(
                urn=self.urn(token, name), properties=encode(self.check(token, name, inputs)), preview=preview
            )
        )
        return answer.id, decode(answer.properties).values

    def read(
        self,
        token: str,
        name: str,
        resource_id: str,
        state: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Return id (empty when it is not there), state and inputs."""
        answer = self.raw.Read(
            provider_pb2.ReadRequest(
                id=resource_id,
                urn=self.urn(token, name),
                properties=encode(state or {}),
                inputs=encode(inputs or {}),
            )
        )
        return answer.id, decode(answer.properties).values, decode(answer.inputs).values

    def diff(
        self, token: str, name: str, resource_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> provider_pb2.DiffResponse:
        """Check and compare."""
        return self.raw.Diff(
            provider_pb2.DiffRequest(
                id=resource_id,
                urn=self.urn(token, name),
                olds=encode(state),
                news=encode(self.check(token, name, inputs, state)),
            )
        )

    def update(
        self,
        token: str,
        name: str,
        resource_id: str,
        state: Mapping[str, Any],
        inputs: Mapping[str, Any],
        *,
        preview: bool = False,
    ) -> dict[str, Any]:
        """Check and update; return the new state."""
        answer = self.raw.Update(
            provider_pb2.UpdateRequest(
                id=resource_id,
                urn=self.urn(token, name),
                olds=encode(state),
                news=encode(self.check(token, name, inputs, state)),
                preview=preview,
            )
        )
        return decode(answer.properties).values

    def delete(self, token: str, name: str, resource_id: str, state: Mapping[str, Any]) -> None:
        """Delete."""
        self.raw.Delete(provider_pb2.DeleteRequest(id=resource_id, urn=self.urn(token, name), properties=encode(state)))

    def invoke(self, token: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Call a function. Raises Refused."""
        answer = self.raw.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments)))
        if answer.failures:
            raise Refused({failure.property: failure.reason for failure in answer.failures})
        result: struct_pb2.Struct = getattr(answer, "return")
        return decode(result).values


def assumed(aws: Driver, name: str, *actions: str) -> tuple[AwsProvider, str]:
    """Return a provider that acts as a new role which may do `actions`, and the ARN of that session."""
    iam, sts = aws.client("iam"), aws.client("sts")
    trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))["Role"]
    allow = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="only", PolicyDocument=_policy(allow))
    session = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="deploying")
    keys = session["Credentials"]
    provider = AwsProvider(
        endpoint_url=aws.endpoint,
        access_key=keys["AccessKeyId"],
        secret_key=keys["SecretAccessKey"],
        session_token=keys["SessionToken"],
    )
    return provider, session["AssumedRoleUser"]["Arn"]


def _policy(statement: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextmanager
def driven(provider: Provider, config: Mapping[str, Any], *, endpoint: str = "") -> Iterator[Driver]:
    """Yield a driver of `provider`, served and configured."""
    server, port = serve(provider)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.enable_http_proxy", 0),)) as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            stub.Configure(provider_pb2.ConfigureRequest(args=encode(config), acceptSecrets=True))
            yield Driver(stub, endpoint)
    finally:
        server.stop(grace=None).wait()
