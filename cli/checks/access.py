"""Each role does its job and is refused everything else.

A role's documents are read back and compared with the table in policies/iam.py, so that anything added shows; then
what the role must not do is tried as that role. The writer's role cannot be taken on by a person: its documents are
read back, and IAM's own simulation is asked.
"""

import functools
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from audit_core.layout import RECORDS
from cli.checks.bucket import canonical_statement
from cli.checks.emulator import without_batches
from cli.checks.planted import PROBE_NAME
from cli.checks.probe import (
    Outcome,
    Principal,
    Probe,
    Verdict,
    could_not_check,
    failed,
    judged,
    passed,
    put_nothing,
    refusal,
    required,
)
from cli.connection import Client
from policies import bucket_policy, iam
from policies.place import Principal as Role
from policies.place import Scope
from policies.retention import Mode

_WRITER_NEVER: Final = (
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    bucket_policy.BYPASS,
    *bucket_policy.DELETIONS,
    *bucket_policy.REPLICATIONS,
    *bucket_policy.PROTECTIONS,
)


def auditor(probe: Probe) -> Verdict:
    """The auditor holds exactly its documents, reads the probe record, and cannot write or change a lock."""
    role = _role(probe, "auditor")
    where, same = _where(probe), _lock(probe)
    every = {"Bucket": probe.deployment.bucket, "Prefix": RECORDS, "MaxKeys": 1}
    return first_wrong(
        documents(probe, Role.AUDITOR),
        _must_work(
            probe,
            role,
            {
                "read a record": lambda s3: s3.get_object(**where)["Body"].close(),
                "list versions": lambda s3: s3.list_object_versions(**every),
            },
        ),
        _must_fail(
            probe,
            role,
            {
                "write records": _write(probe),
                "change a record's retention": lambda s3: s3.put_object_retention(**where, Retention=same),
                "change a record's hold": _hold(where, "OFF"),
            },
        ),
    )


def writer(probe: Probe) -> Verdict:
    """The writer holds exactly its documents, and IAM's simulation lets it put a record and nothing else."""
    place = probe.deployment.place
    bucket, record = place.bucket_arn(), f"{place.bucket_arn()}/{probe.victim().key}"
    return first_wrong(
        documents(probe, Role.WRITER),
        simulated(
            probe,
            Role.WRITER,
            works={"put a record": ("s3:PutObject", place.objects_arn(RECORDS).replace("*", PROBE_NAME))},
            fails={
                f"put objects outside {RECORDS}": ("s3:PutObject", f"{bucket}/{PROBE_NAME}"),
                **{
                    f"use {action}": (action, bucket if _is_about_bucket(action) else record)
                    for action in _WRITER_NEVER
                },
            },
        ),
    )


def writer_trust(probe: Probe) -> Verdict:
    """Taking on the writer's role is refused to the caller and to the administrator."""
    stack = probe.deployment
    people = [probe.principals[0]]
    if not stack.is_local:  # where the caller is the account's root, whom the emulator lets be anyone
        people.insert(0, Principal(name="caller", role_arn=None))
    take = {"RoleArn": stack.writer_role_arn, "RoleSessionName": PROBE_NAME}
    return probe.try_all(
        probe.attempts("take on the writer's role", lambda sts: sts.assume_role(**take), of=people, service="sts")
    )


def retention_admin(probe: Probe) -> Verdict:
    """The retention admin holds exactly its documents, extends and holds, and cannot read or write."""
    role = _role(probe, "retention-admin")
    where, later = _where(probe), _lock(probe, seconds=1)
    return first_wrong(
        documents(probe, Role.RETENTION_ADMIN),
        _must_work(
            probe,
            role,
            {
                "extend a record's retention": lambda s3: s3.put_object_retention(**where, Retention=later),
                "place a hold": _hold(where, "ON"),
            },
        ),
        _must_work(probe, _role(probe, "hold-releaser"), {"release a hold": _hold(where, "OFF")}),
        _must_fail(probe, role, {**_reads(probe), "write records": _write(probe)}),
    )


def retention_maximum(probe: Probe) -> Verdict:
    """Locking the probe record past the maximum, or in the other mode, is refused to the retention admin."""
    role, where = [_role(probe, "retention-admin")], _where(probe)
    mode, maximum = probe.deployment.retention_mode, probe.deployment.bounds.max_days
    other = Mode.GOVERNANCE if mode is Mode.COMPLIANCE else Mode.COMPLIANCE
    beyond = {"Mode": mode, "RetainUntilDate": probe.started_at + timedelta(days=maximum + 2)}

    def change_mode(s3: Client) -> None:
        # Read when it is tried: where the first attempt got through, the lock ends later than before.
        s3.put_object_retention(**where, Retention={**_lock(probe, seconds=1), "Mode": other})

    return probe.try_all(
        [
            *probe.attempts(
                f"lock a record for more than {maximum} days",
                lambda s3: s3.put_object_retention(**where, Retention=beyond),
                of=role,
                gap="extend-past-maximum",
            ),
            *probe.attempts("lock a record in another mode", change_mode, of=role, gap="change-mode"),
        ]
    )


def holds(probe: Probe) -> Verdict:
    """Releasing a hold is refused to who places it and to the administrator; placing one to who releases it."""
    where = _where(probe)

    def place_and_release(s3: Client) -> None:
        _hold(where, "ON")(s3)
        _hold(where, "OFF")(s3)

    cannot_release = (probe.principals[0], _role(probe, "retention-admin"))
    return probe.try_all(
        [
            *probe.attempts("release a hold", _hold(where, "OFF"), of=cannot_release, gap="release-hold"),
            *probe.attempts("place a hold", place_and_release, of=[_role(probe, "hold-releaser")], gap="place-hold"),
        ]
    )


def hold_releaser(probe: Probe) -> Verdict:
    """The hold releaser holds exactly its documents, and cannot read, write or change retention."""
    role = _role(probe, "hold-releaser")
    where, same = _where(probe), _lock(probe)
    return first_wrong(
        documents(probe, Role.HOLD_RELEASER),
        _must_fail(
            probe,
            role,
            {
                **_reads(probe),
                "write records": _write(probe),
                "change a record's retention": lambda s3: s3.put_object_retention(**where, Retention=same),
            },
        ),
    )


def keys(probe: Probe) -> Verdict:
    """Getting the keys of digests and pseudonyms is refused to every role that people take; the writer may."""
    parameter = probe.deployment.keys_parameter
    may_get = ("ssm:GetParameter", probe.deployment.place.resource(Scope.KEYS, ""))
    allowed = simulated(probe, Role.WRITER, works={"get the keys": may_get}, fails={})
    if allowed.outcome is Outcome.FAILED:
        return allowed
    ways: dict[str, dict[str, Any]] = {
        "get_parameter": {"Name": parameter},
        "get_parameters": {"Names": [parameter]},
        "get_parameter_history": {"Name": parameter},
        "get_parameters_by_path": {"Path": parameter.rpartition("/")[0]},
    }
    return probe.try_all(
        attempt
        for way, given in ways.items()
        for attempt in probe.attempts(
            f"read the keys with {way}",
            lambda ssm, way=way, given=given: getattr(ssm, way)(**given, WithDecryption=True),
            of=probe.roles_of(probe.deployment),
            service="ssm",
        )
    )


def first_wrong(*verdicts: Verdict) -> Verdict:
    """Return the failures together, or else the first that could not be checked, or else all of what was tried."""
    wrong = [verdict.detail for verdict in verdicts if verdict.outcome is Outcome.FAILED]
    if wrong:
        return failed("; ".join(wrong))
    rest = [verdict for verdict in verdicts if verdict.outcome is not Outcome.PASSED]
    return rest[0] if rest else passed("; ".join(verdict.detail for verdict in verdicts if verdict.detail))


def _role(probe: Probe, name: str) -> Principal:
    return next(role for role in probe.roles_of(probe.deployment) if role.name == name)


def _where(probe: Probe) -> dict[str, str]:
    return probe.victim().version


def _lock(probe: Probe, *, seconds: int = 0) -> dict[str, Any]:
    """Return the probe record's lock in the stack's mode, ending some seconds later than the auditor reads."""
    where = _where(probe)
    lock = required(
        "auditor: the probe record's retention", lambda: probe.auditor_s3.get_object_retention(**where)["Retention"]
    )
    end = lock["RetainUntilDate"] + timedelta(seconds=seconds)
    return {"Mode": probe.deployment.retention_mode, "RetainUntilDate": end}


def documents(probe: Probe, principal: Role) -> Verdict:
    """Compare a role's policies, as IAM holds them, with what the table makes."""
    name, local = probe.deployment.place.roles[principal], probe.deployment.is_local
    client = probe.connection.client("iam", role_arn=probe.connection.administrator_arn)
    found: list[str] = []
    attached: list[str] = []

    def read() -> None:
        for page in client.get_paginator("list_role_policies").paginate(RoleName=name):
            for policy in page["PolicyNames"]:
                document = client.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                loaded: Mapping[str, Any] = json.loads(document) if isinstance(document, str) else document
                written = map(without_batches, loaded["Statement"]) if local else loaded["Statement"]
                found.extend(canonical_statement(statement) for statement in written)
        for page in client.get_paginator("list_attached_role_policies").paginate(RoleName=name):
            attached.extend(str(policy["PolicyName"]) for policy in page["AttachedPolicies"])

    reason = refusal(read)
    if reason is not None:
        return could_not_check(f"the policies of role {principal.value}: {reason}")
    expected = [
        canonical_statement(statement)
        for statement in iam.role_statements(principal, probe.deployment.place, probe.deployment.bounds)
    ]
    wrong = [f"policy {policy} is attached to it" for policy in attached]
    wrong += [f"it also has {_gist(statement)}" for statement in found if statement not in expected]
    wrong += [f"it lacks {_gist(statement)}" for statement in expected if statement not in found]
    if wrong:
        return failed(f"role {principal.value} is not as in the table: {'; '.join(wrong)}")
    return passed("documents as in the table")


def _gist(statement: str) -> str:
    """Return a statement's effect and actions, for a report."""
    loaded = json.loads(statement)
    return f"{' '.join(loaded.get('Effect', []))} {' '.join(loaded.get('Action', loaded.get('NotAction', [])))}"


def _must_work(probe: Probe, role: Principal, calls: Mapping[str, Callable[[Client], object]]) -> Verdict:
    s3 = probe.s3(role)
    reasons = {what: refusal(functools.partial(call, s3)) for what, call in calls.items()}
    wrong = [f"{role.name} could not {what}: {reason}" for what, reason in reasons.items() if reason is not None]
    return judged(wrong, f"{role.name} can {', '.join(calls)}")


def _must_fail(probe: Probe, role: Principal, calls: Mapping[str, Callable[[Client], object]]) -> Verdict:
    return probe.try_all(attempt for what, call in calls.items() for attempt in probe.attempts(what, call, of=[role]))


def _write(probe: Probe) -> Callable[[Client], object]:
    """Return a call that tries to put a record over the probe record, without ever writing anything."""
    victim = probe.victim()
    return functools.partial(put_nothing, bucket=victim.bucket, key=victim.key)


def _reads(probe: Probe) -> dict[str, Callable[[Client], object]]:
    where, bucket = _where(probe), probe.deployment.bucket
    return {
        "read a record": lambda s3: s3.get_object(**where)["Body"].close(),
        "list the log": lambda s3: s3.list_objects_v2(Bucket=bucket, Prefix=RECORDS, MaxKeys=1),
    }


def _hold(where: Mapping[str, str], status: str) -> Callable[[Client], object]:
    return lambda s3: s3.put_object_legal_hold(**where, LegalHold={"Status": status})


def _is_about_bucket(action: str) -> bool:
    return action in bucket_policy.PROTECTIONS or action.startswith("s3:ListBucket")


def simulated(
    probe: Probe, principal: Role, *, works: Mapping[str, tuple[str, str]], fails: Mapping[str, tuple[str, str]]
) -> Verdict:
    """Ask IAM whether a role may use actions on resources: pairs of both, by what they do."""
    client = probe.connection.client("iam", role_arn=probe.connection.administrator_arn)
    arn, name = probe.deployment.place.role_arn(principal), probe.deployment.place.roles[principal]

    def is_allowed(action: str, resource: str) -> bool:
        ask = functools.partial(
            client.simulate_principal_policy, PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource]
        )
        reply = required(f"simulating role {name}", ask)
        return any(row["EvalDecision"] == "allowed" for row in reply["EvaluationResults"])

    wrong = [f"{principal} cannot {what}" for what, asked in works.items() if not is_allowed(*asked)]
    wrong += [f"{principal} could {what}" for what, asked in fails.items() if is_allowed(*asked)]
    return judged(wrong, f"documents as in the table; {len(fails)} actions refused in simulation")
