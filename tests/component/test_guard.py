"""The guardrails in force: a stack that breaks one is refused, and makes nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from localcloud.engine import ProgramError
from localcloud.place import ROOT
from policies.guardrails import RESOURCE_RULES, STACK_RULES

from .conftest import MemoryProvider, Run, Up

UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""How Pulumi's protocol writes a text that only the deployment will know."""

PREAMBLE = """
import pulumi
import pulumi_aws as aws
from stacks.guard import guarded
from stacks.on_aws import deploy
from stacks.settings import read

TAGS = {'audit-log:kind': 'log', 'audit-log:profile': 'trial'}
"""


def _refused(run_program: Up, program: Path) -> str:
    provider = MemoryProvider()
    with pytest.raises(ProgramError) as error:
        run_program(program=program, provider=provider)
    assert provider.made == []
    return str(error.value)


def test_the_real_program_with_a_broken_resource_makes_nothing(
    run_program: Up, program_file: Callable[[str], Path]
) -> None:
    """Not even the resources that break no rule, and that were constructed before the broken one."""
    program = program_file(
        PREAMBLE
        + """
POLICY = '{"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'
with guarded():
    deploy(read())
    aws.iam.RolePolicy("extra", role="r", policy=POLICY)
"""
    )
    said = _refused(run_program, program)
    assert "extra: an allowed action must be named in full, got 's3:*' [policy-documents]" in said
    assert "extra: a wildcard must have a listed reason, got '*' [policy-documents]" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("aws.cloudwatch.LogGroup('l')", "l: retentionInDays must be a stated number of days, got None"),
        (
            "aws.cloudwatch.LogGroup('l', retention_in_days=pulumi.Output.from_input(90))",
            "l: retentionInDays must be a stated number of days, got a value that is not known yet",
        ),
        ("aws.s3.Bucket('b', bucket='b')", "b: tag audit-log:kind must be one of log, vault, scratch"),
        (
            "aws.s3.Bucket('b', bucket='b', object_lock_enabled=True, tags=TAGS)",
            "b: must keep versions [log-buckets-are-locked]",
        ),
        (
            "aws.s3.BucketPolicy('p', bucket='b', policy=pulumi.Output.from_input('{}'))",
            "p: policy must be a policy document that is known when it is registered",
        ),
        ("aws.iam.User('u')", "u: no rule knows aws:iam/user:User"),
        (
            "aws.lambda_.FunctionUrl('f', function_name='other', authorization_type='NONE')",
            "f: only a listed function may be open to anybody, got 'other'",
        ),
        (
            "aws.s3.BucketPublicAccessBlock('x', bucket='b', block_public_acls=True)",
            "x: blockPublicPolicy must be true, got None",
        ),
    ],
)
def test_a_broken_stack_is_refused(run_program: Up, program_file: Callable[[str], Path], text: str, says: str) -> None:
    """By the program itself, with the rule that it breaks; an output in place of a value is no way past."""
    assert says in _refused(run_program, program_file(f"{PREAMBLE}\nwith guarded():\n    {text}\n"))


def test_a_program_that_fails_for_another_reason_ends_and_makes_nothing(
    run_program: Up, program_file: Callable[[str], Path]
) -> None:
    """What was constructed before the error does not wait for ever, and is not made."""
    program = program_file(
        PREAMBLE
        + """
with guarded():
    aws.cloudwatch.LogGroup('l', retention_in_days=90)
    raise ValueError("something else")
"""
    )
    assert "something else" in _refused(run_program, program)


@pytest.mark.parametrize(
    "text",
    [
        "aws.cloudwatch.LogGroup('late')",
        "pulumi.Output.from_input(1).apply(lambda _: aws.cloudwatch.LogGroup('late'))",
    ],
)
def test_what_comes_after_the_guardrails_have_looked_is_refused(
    run_program: Up, program_file: Callable[[str], Path], text: str
) -> None:
    """Behind the block, or in an apply, nobody would check it."""
    said = _refused(run_program, program_file(f"{PREAMBLE}\nwith guarded():\n    pass\n{text}\n"))
    assert "late: must be registered before the guardrails have looked" in said


@pytest.fixture(scope="module")
def pack() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """Yield the CrossGuard pack, started as Pulumi's language host starts it."""
    environment = {"PATH": os.defpath, "HOME": str(ROOT / ".cache")}
    with subprocess.Popen(
        [sys.executable, "-u", str(ROOT / "policies")], cwd=ROOT / "policies", stdout=subprocess.PIPE, env=environment
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.kill()


def _properties(props: dict[str, Any]) -> Any:  # noqa: ANN401 - a protobuf Struct
    return json_format.ParseDict(props, analyzer_pb2.AnalyzeRequest().properties)


def _urn(type_: str, name: str) -> str:
    return f"urn:pulumi:test::agent-audit-log::{type_}::{name}"


def test_the_pack_has_the_same_rules_and_enforces_them(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """Each guardrail once, mandatory, with its own sentence."""
    info = pack.GetAnalyzerInfo(empty_pb2.Empty())
    assert {policy.name for policy in info.policies} == {*RESOURCE_RULES, *STACK_RULES}
    assert all(policy.enforcementLevel == analyzer_pb2.MANDATORY and policy.description for policy in info.policies)


def test_the_pack_refuses_a_broken_resource(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """Also at preview, where what is not known yet would otherwise turn the refusal into advice."""
    type_ = "aws:iam/rolePolicy:RolePolicy"
    answer = pack.Analyze(
        analyzer_pb2.AnalyzeRequest(
            type=type_, name="r", urn=_urn(type_, "r"), properties=_properties({"role": "r", "policy": UNKNOWN_STRING})
        )
    )
    assert [(item.policyName, item.enforcementLevel) for item in answer.diagnostics] == [
        ("policy-documents", analyzer_pb2.MANDATORY)
    ]


def test_the_pack_refuses_a_broken_stack(pack: analyzer_pb2_grpc.AnalyzerStub) -> None:
    """Rules over all resources together run, too."""
    type_ = "aws:s3/bucket:Bucket"
    tags = {"audit-log:kind": "log", "audit-log:profile": "trial"}
    bucket = analyzer_pb2.AnalyzerResource(
        type=type_, name="b", urn=_urn(type_, "b"),
        properties=_properties({"bucket": "b", "objectLockEnabled": True, "tags": tags}),
    )  # fmt: skip
    answer = pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=[bucket]))
    assert {item.policyName for item in answer.diagnostics} == {"log-buckets-are-locked"}
    assert any("must keep versions" in item.message for item in answer.diagnostics)


def test_the_pack_lets_the_program_through(pack: analyzer_pb2_grpc.AnalyzerStub, standard: Run) -> None:
    """Every resource of it, alone and together."""
    resources = []
    for name, entry in standard.entries.items():
        if not entry.custom or entry.is_provider:
            continue
        inputs = {
            key: value for key, value in entry.inputs.items() if isinstance(value, (str, bool, float, int, list, dict))
        }
        properties = _properties(json.loads(json.dumps(inputs, default=str)))
        answer = pack.Analyze(
            analyzer_pb2.AnalyzeRequest(type=entry.type, name=name, urn=entry.urn, properties=properties)
        )
        assert not answer.diagnostics, answer.diagnostics
        resources.append(
            analyzer_pb2.AnalyzerResource(type=entry.type, name=name, urn=entry.urn, properties=properties)
        )
    assert len(resources) > 40
    assert not pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics
