"""The vault: that payloads are kept nowhere else, that nobody reads them but who may, and that they are forgotten."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.checks.bucket import missing_statements
from cli.checks.planted import PlantedCall, found_in
from cli.checks.probe import Attempt, Probe, Verdict, failed, judged, put_nothing, refusal, setting
from cli.exits import CouldNot
from policies import vault_policy

_LONGEST_DAYS: Final = 1  # S3 removes at the next midnight UTC: up to 48 hours


def shut(probe: Probe) -> Verdict:
    """In a vault nobody reads or puts but its reader and the writer, and all of it expires; else nothing is kept."""
    references = _references(probe, probe.victim_call)
    if probe.deployment.vault_bucket is None:
        return judged([f"a record refers to {place}" for place in references], "no payload is kept: there is no vault")
    if not references:
        return judged(["the record does not say where its payloads are kept"], "")
    problems = [*_settings(probe), *_readable(probe)]
    return failed("; ".join(problems)) if problems else probe.try_all(_attempts(probe, references[0]))


def _references(probe: Probe, call: PlantedCall) -> list[str]:
    """Return where a call's record says that its payloads are kept."""
    envelopes = [stored.record.get("envelope") for stored in probe.stored_records(call.key)]
    sides = [side for kept in envelopes if isinstance(kept, Mapping) for side in kept.values()]
    return [str(side["ref"]) for side in sides if isinstance(side, Mapping) and side.get("ref")]


def _attempts(probe: Probe, reference: str) -> list[Attempt]:
    where = _object(probe, reference)
    return [
        *probe.attempts("read a payload in the vault", lambda s3: s3.get_object(**where)["Body"].close()),
        *probe.attempts(
            "put a payload into the vault", lambda s3: put_nothing(s3, bucket=where["Bucket"], key=where["Key"])
        ),
    ]


def _settings(probe: Probe) -> Iterator[str]:
    """Yield what is wrong with the vault's bucket, as an administrator reads it."""
    stack = probe.deployment
    text = str(_setting(probe, "get_bucket_policy").get("Policy", "{}"))
    required = vault_policy.bucket_statements(stack.place, administrators=stack.administrators, loopback=stack.is_local)
    for sid in missing_statements(required, text):
        yield f"statement {sid} of the vault's policy is missing or was changed"
    rules = _setting(probe, "get_bucket_lifecycle_configuration").get("Rules", [])
    if not any(_expires_all(rule) for rule in rules):
        yield f"no rule empties the vault after {_LONGEST_DAYS} day"
    if _setting(probe, "get_bucket_versioning").get("Status"):
        yield "the vault has versions: what expires goes on as one"
    blocked = _setting(probe, "get_public_access_block")
    if not all(blocked.get("PublicAccessBlockConfiguration", {"": False}).values()):
        yield "the vault may be made public"
    found = _setting(probe, "get_bucket_encryption")
    kept = found.get("ServerSideEncryptionConfiguration", {}).get("Rules", [{}])[0]
    if not kept.get("ApplyServerSideEncryptionByDefault", {}).get("KMSMasterKeyID"):
        yield "the vault is not encrypted with a key of its own"


def _expires_all(rule: Mapping[str, Any]) -> bool:
    whole = rule.get("Filter", {}) in ({}, {"Prefix": ""}) and not rule.get("Prefix")
    days = rule.get("Expiration", {}).get("Days", _LONGEST_DAYS + 1)
    return bool(rule.get("Status") == "Enabled" and whole and days <= _LONGEST_DAYS)


def _readable(probe: Probe) -> Iterator[str]:
    """Yield what is wrong with what the vault's reader gets; nothing where the caller cannot become the reader."""
    call = probe.victim_call
    try:
        s3 = probe.connection.client("s3", role_arn=probe.deployment.vault_reader_role_arn)
    except CouldNot:
        return  # people who are no vault readers are to be refused, and this is how
    for reference in _references(probe, call):
        found: list[bytes] = []
        where = _object(probe, reference)
        reason = refusal(lambda where=where, found=found: found.append(s3.get_object(**where)["Body"].read()))
        if reason is not None:
            yield f"the vault's reader could not read a payload: {reason}"
        elif not _is_raw(probe, call):
            for place, secret in call.planted.items():
                if (form := found_in(secret, found[0])) is not None:
                    yield f"the secret planted in the {place} is in the vault, {form}"


def _is_raw(probe: Probe, call: PlantedCall) -> bool:
    envelopes = [stored.record.get("envelope") for stored in probe.stored_records(call.key)]
    return any(isinstance(kept, Mapping) and kept.get("mode") == "raw" for kept in envelopes)


def _object(probe: Probe, reference: str) -> Mapping[str, str]:
    bucket, _, key = reference.removeprefix("s3://").partition("/")
    if bucket != probe.deployment.vault_bucket or not key:
        raise CouldNot("a record's payload is kept elsewhere than in the stack's vault")
    return {"Bucket": bucket, "Key": key}


def _setting(probe: Probe, read: str) -> Mapping[str, Any]:
    """Return one of the vault's settings as the administrator reads it; empty when it has none."""
    administrator = probe.principals[0]
    what = f"{administrator.name}: the vault's {read}"
    return setting(probe.s3(administrator), str(probe.deployment.vault_bucket), read, what=what)
