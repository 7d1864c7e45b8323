"""Each role does its job and is refused everything else.

A role's documents are read back and compared with the table in policies/iam.py, so that anything added shows; then
what the role must not do is tried as that role. The writer's role cannot be taken on by a person: its documents are
read back, and IAM's own simulation is asked.
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from audit_core.layout import RECORDS
from cli.checks.bucket import canonical_statement
from cli.checks.emulator import without_batches
from cli.checks.probe import Attempt, Outcome, Principal, Probe, Verdict, could_not_check, failed, passed, refusal
from cli.connection import Client, role_name
from cli.exits import CouldNot
from policies import bucket_policy, iam
from policies.place import Principal as Role
from policies.place import Scope
from policies.retention import Mode

_EXISTS_ALREADY: Final = "PreconditionFailed"
"""What a create-only put of an existing key answers to someone who may write: nothing is written either way."""
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
    allowed = [("read a record", _getter(probe)), ("list versions", _lister(probe))]
    return first_wrong(
        documents(probe, Role.AUDITOR),
        _must_work(probe, role, allowed),
        probe.try_all(
            [
                _write(probe, role),
                *_lock_changes(probe, role),
            ]
        ),
    )


def writer(probe: Probe) -> Verdict:
    """The writer holds exactly its documents, and IAM's simulation lets it put a record and nothing else."""
    stack = probe.deployment
    place = stack.place
    wrong: list[str] = []
    simulated = simulator(probe, stack.writer_role_arn)
    if not simulated("s3:PutObject", place.objects_arn(RECORDS).replace("*", "audit-log-check")):
        wrong.append("writer cannot put a record")
    if simulated("s3:PutObject", f"{place.bucket_arn()}/audit-log-check"):
        wrong.append(f"writer could put objects outside {RECORDS}")
    record = f"{place.bucket_arn()}/{probe.victim().key}"
    wrong += [
        f"writer could use {action}"
        for action in _WRITER_NEVER
        if simulated(action, place.bucket_arn() if _is_about_bucket(action) else record)
    ]
    tried = f"documents as in the table; {len(_WRITER_NEVER) + 1} actions refused in simulation"
    return first_wrong(documents(probe, Role.WRITER), failed("; ".join(wrong)) if wrong else passed(tried))


def writer_trust(probe: Probe) -> Verdict:
    """Taking on the writer's role is refused to the caller and to the administrator."""
    stack = probe.deployment
    who = {probe.connection.administrator_arn: "administrator"}
    if not stack.is_local:  # where the caller is the account's root, whom the emulator lets be anyone
        who = {None: "caller", **who}
    return probe.try_all(
        [
            Attempt(who=name, what="take on the writer's role", call=_assumer(probe, as_role, stack.writer_role_arn))
            for as_role, name in who.items()
        ]
    )


def retention_admin(probe: Probe) -> Verdict:
    """The retention admin holds exactly its documents, extends and holds, and cannot read or write."""
    role = _role(probe, "retention-admin")
    releaser = _role(probe, "hold-releaser")
    until, where = _end(probe), _where(probe)
    later = {"Mode": probe.deployment.retention_mode, "RetainUntilDate": until + timedelta(seconds=1)}
    works = _must_work(
        probe,
        role,
        [
            ("extend a record's retention", lambda s3: lambda: s3.put_object_retention(**where, Retention=later)),
            ("place a hold", lambda s3: lambda: s3.put_object_legal_hold(**where, LegalHold={"Status": "ON"})),
        ],
    )
    released = _must_work(probe, releaser, [("release a hold", _hold(where, "OFF"))])
    return first_wrong(
        documents(probe, Role.RETENTION_ADMIN),
        works,
        released,
        probe.try_all([*_reads(probe, role), _write(probe, role)]),
    )


def retention_maximum(probe: Probe) -> Verdict:
    """Locking the probe record past the maximum, or in the other mode, is refused to the retention admin."""
    role = _role(probe, "retention-admin")
    s3, where, mode = probe.s3(role), _where(probe), probe.deployment.retention_mode
    maximum = probe.deployment.bounds.max_days

    def lock_past_maximum() -> None:
        beyond = {"Mode": mode, "RetainUntilDate": probe.started_at + timedelta(days=maximum + 2)}
        s3.put_object_retention(**where, Retention=beyond)

    def change_mode() -> None:
        other = Mode.GOVERNANCE if mode is Mode.COMPLIANCE else Mode.COMPLIANCE
        later = {"Mode": other, "RetainUntilDate": _end(probe) + timedelta(seconds=1)}
        s3.put_object_retention(**where, Retention=later)

    return probe.try_all(
        [
            Attempt(
                who=role.name,
                what=f"lock a record for more than {maximum} days",
                call=lock_past_maximum,
                gap="extend-past-maximum",
            ),
            Attempt(who=role.name, what="lock a record in another mode", call=change_mode, gap="change-mode"),
        ]
    )


def holds(probe: Probe) -> Verdict:
    """Releasing a hold is refused to who places it and to the administrator; placing one to who releases it."""
    where = _where(probe)
    releaser = _role(probe, "hold-releaser")
    releaser_s3 = probe.s3(releaser)

    def place_and_release() -> None:
        releaser_s3.put_object_legal_hold(**where, LegalHold={"Status": "ON"})
        releaser_s3.put_object_legal_hold(**where, LegalHold={"Status": "OFF"})

    cannot_release = (probe.principals[0], _role(probe, "retention-admin"))
    return probe.try_all(
        [
            Attempt(
                who=principal.name,
                what="release a hold",
                call=_hold(where, "OFF")(probe.s3(principal)),
                gap="release-hold",
            )
            for principal in cannot_release
        ]
        + [Attempt(who=releaser.name, what="place a hold", call=place_and_release, gap="place-hold")]
    )


def hold_releaser(probe: Probe) -> Verdict:
    """The hold releaser holds exactly its documents, and cannot read, write or change retention."""
    role = _role(probe, "hold-releaser")
    s3, where = probe.s3(role), _where(probe)
    same = {"Mode": probe.deployment.retention_mode, "RetainUntilDate": _end(probe)}
    return first_wrong(
        documents(probe, Role.HOLD_RELEASER),
        probe.try_all(
            [
                *_reads(probe, role),
                _write(probe, role),
                Attempt(
                    who=role.name,
                    what="change a record's retention",
                    call=lambda: s3.put_object_retention(**where, Retention=same),
                ),
            ]
        ),
    )


def keys(probe: Probe) -> Verdict:
    """Getting the keys of digests and pseudonyms is refused to every role that people take; the writer may."""
    parameter = probe.deployment.keys_parameter
    simulated = simulator(probe, probe.deployment.writer_role_arn)
    if not simulated("ssm:GetParameter", probe.deployment.place.resource(Scope.KEYS, "")):
        return failed("the writer cannot get the keys")
    attempts: list[Attempt] = []
    for role in probe.roles_of(probe.deployment):
        ssm = probe.connection.client("ssm", role_arn=role.role_arn)
        attempts += [
            Attempt(who=role.name, what=f"read the keys with {call.__name__}", call=functools.partial(call, **given))
            for call, given in (
                (ssm.get_parameter, {"Name": parameter, "WithDecryption": True}),
                (ssm.get_parameters, {"Names": [parameter], "WithDecryption": True}),
                (ssm.get_parameter_history, {"Name": parameter, "WithDecryption": True}),
                (ssm.get_parameters_by_path, {"Path": parameter.rpartition("/")[0], "WithDecryption": True}),
            )
        ]
    return probe.try_all(attempts)


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


def _end(probe: Probe) -> datetime:
    """Return when the probe record's retention ends, as the auditor reads it."""
    found: list[datetime] = []
    reason = refusal(
        lambda: found.append(probe.auditor_s3.get_object_retention(**_where(probe))["Retention"]["RetainUntilDate"])
    )
    if reason is not None:
        raise CouldNot(f"auditor: the probe record's retention: {reason}")
    return found[0]


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


def _must_work(
    probe: Probe, role: Principal, calls: list[tuple[str, Callable[[Client], Callable[[], object]]]]
) -> Verdict:
    s3 = probe.s3(role)
    wrong = [
        f"{role.name} could not {what}: {reason}" for what, bind in calls if (reason := refusal(bind(s3))) is not None
    ]
    return failed("; ".join(wrong)) if wrong else passed(f"{role.name} can {', '.join(what for what, _ in calls)}")


def _write(probe: Probe, role: Principal) -> Attempt:
    """Return an attempt to put a record: create-only over a key that exists, so that nothing is ever written."""
    s3 = probe.s3(role)

    def put() -> None:
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            s3.put_object(Bucket=probe.deployment.bucket, Key=probe.victim().key, Body=b"", IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != _EXISTS_ALREADY:
                raise

    return Attempt(who=role.name, what="write records", call=put)


def _reads(probe: Probe, role: Principal) -> Iterator[Attempt]:
    s3 = probe.s3(role)
    yield Attempt(who=role.name, what="read a record", call=lambda: _read(probe, s3))
    yield Attempt(
        who=role.name,
        what="list the log",
        call=lambda: s3.list_objects_v2(Bucket=probe.deployment.bucket, Prefix=RECORDS, MaxKeys=1),
    )


def _lock_changes(probe: Probe, role: Principal) -> Iterator[Attempt]:
    """Yield attempts on a record's lock that ask for the lock it has."""
    s3, where = probe.s3(role), _where(probe)
    same = {"Mode": probe.deployment.retention_mode, "RetainUntilDate": _end(probe)}
    yield Attempt(
        who=role.name,
        what="change a record's retention",
        call=lambda: s3.put_object_retention(**where, Retention=same),
    )
    yield Attempt(who=role.name, what="change a record's hold", call=_hold(where, "OFF")(s3))


def _hold(where: Mapping[str, str], status: str) -> Callable[[Client], Callable[[], object]]:
    return lambda s3: lambda: s3.put_object_legal_hold(**where, LegalHold={"Status": status})


def _read(probe: Probe, s3: Client) -> None:
    s3.get_object(**_where(probe))["Body"].close()


def _getter(probe: Probe) -> Callable[[Client], Callable[[], object]]:
    return lambda s3: lambda: _read(probe, s3)


def _lister(probe: Probe) -> Callable[[Client], Callable[[], object]]:
    return lambda s3: lambda: s3.list_object_versions(Bucket=probe.deployment.bucket, Prefix=RECORDS, MaxKeys=1)


def _assumer(probe: Probe, as_role: str | None, arn: str) -> Callable[[], object]:
    sts = probe.connection.client("sts", role_arn=as_role)
    return lambda: sts.assume_role(RoleArn=arn, RoleSessionName="audit-log-check")


def _is_about_bucket(action: str) -> bool:
    return action in bucket_policy.PROTECTIONS or action.startswith("s3:ListBucket")


def simulator(probe: Probe, role_arn: str) -> Callable[[str, str], bool]:
    """Return a function that asks IAM whether the role may use an action on a resource."""
    client = probe.connection.client("iam", role_arn=probe.connection.administrator_arn)

    def is_allowed(action: str, resource: str) -> bool:
        found: list[str] = []

        def ask() -> None:
            reply = client.simulate_principal_policy(
                PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
            )
            found.extend(str(row["EvalDecision"]) for row in reply["EvaluationResults"])

        reason = refusal(ask)
        if reason is not None:
            raise CouldNot(f"simulating role {role_name(role_arn)}: {reason}")
        return "allowed" in found

    return is_allowed
