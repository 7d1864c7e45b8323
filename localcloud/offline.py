"""A provider that knows no cloud: it accepts every resource as it is planned, and answers as an empty account would.

Guarantee: it reaches nothing. It is what `make plan` previews with.
"""

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto import provider_pb2_grpc

ACCOUNT: Final = "123456789012"
"""The account number that AWS's own examples use."""
DEPLOYER: Final = f"arn:aws:iam::{ACCOUNT}:role/whoever-deploys"
CONCURRENCY: Final = 1000
"""What AWS names as the default quota of concurrent executions; new accounts often have less."""


class OfflineProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves any package, for previews only."""

    def __init__(self, *, region: str, account: str = ACCOUNT) -> None:
        """Take the region and the account that the functions are to name."""
        self._answers: Mapping[str, Mapping[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "id": account, "accountId": account, "arn": DEPLOYER, "userId": "AROAEXAMPLE",
            },
            "aws:iam/getSessionContext:getSessionContext": {
                "id": DEPLOYER, "arn": DEPLOYER, "issuerArn": DEPLOYER, "issuerId": "AROAEXAMPLE",
                "issuerName": "whoever-deploys", "sessionName": "",
            },
            "aws:index/getPartition:getPartition": {
                "id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws",
            },
            "aws:index/getRegion:getRegion": {"id": region, "name": region, "region": region},
            "aws:servicequotas/getServiceQuota:getServiceQuota": {"id": "", "value": CONCURRENCY},
        }  # fmt: skip

    def CheckConfig(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Accept the configuration."""
        del context
        return pb.CheckResponse(inputs=request.news)

    def Configure(self, request: pb.ConfigureRequest, context: grpc.ServicerContext) -> pb.ConfigureResponse:
        """Need nothing."""
        del request, context
        return pb.ConfigureResponse()

    def Check(self, request: pb.CheckRequest, context: grpc.ServicerContext) -> pb.CheckResponse:
        """Accept the resource."""
        del context
        return pb.CheckResponse(inputs=request.news)

    def Invoke(self, request: pb.InvokeRequest, context: grpc.ServicerContext) -> pb.InvokeResponse:
        """Answer as an account in which nothing is deployed yet."""
        answer = self._answers.get(request.tok)
        if answer is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.tok}: NoSuchBucket: nothing is deployed yet")
        response = pb.InvokeResponse()
        json_format.ParseDict({**answer, **_region(request)}, getattr(response, "return"))
        return response

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """Have nothing under way."""
        del request, context
        return empty_pb2.Empty()


def _region(request: pb.InvokeRequest) -> dict[str, Any]:
    """Return the arguments that a function's result repeats."""
    given = json_format.MessageToDict(request.args)
    return {key: given[key] for key in ("serviceCode", "quotaCode") if key in given}
