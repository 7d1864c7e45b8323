"""The sealed log: that what is stored becomes part of it, and that nobody but the sealer adds to it or signs for it.

The sealer's role cannot be taken on by a person: its documents are read back, and IAM's own simulation is asked. To
wait less, the sealer is asked to run at once, as its clock would; who may not ask it waits.
"""

import functools
import json
import time
from typing import Final

from audit_core.errors import DecodeError
from audit_core.layout import CHECKPOINT, RECORDS, SEAL, marker_key
from audit_core.notes import Checkpoint, NoteError, VerifierKey, open_checkpoint
from audit_core.sealing import Marker, parse_marker
from cli.checks.access import documents, first_wrong, simulated
from cli.checks.planted import PROBE_NAME
from cli.checks.probe import Outcome, Probe, Verdict, failed, judged, put_nothing, refusal, required
from cli.exits import CouldNot
from policies import bucket_policy
from policies.place import Principal as Role

_MINUTE_SECONDS: Final = 60
_SPARE_SECONDS: Final = 60
"""What a run may take, beside the minutes after which it must have begun."""
_POLL_SECONDS: Final = 1.0
_SPKI_BYTES: Final = 12
_NEVER: Final = (
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    bucket_policy.BYPASS,
    *bucket_policy.DELETIONS,
    *bucket_policy.REPLICATIONS,
)
_MESSAGE: Final = b"audit-log-check: this is not a checkpoint\n"


def sealed(probe: Probe) -> Verdict:
    """The known call's object has its marker in time, and the newest checkpoint, signed by the log's key, covers it."""
    stack = probe.deployment
    key = probe.known_call.key
    stored = probe.reader.object(key)
    if stored is None or not stored.version_ids:
        raise CouldNot("the probe record that the endpoint acknowledged is not in the bucket")
    _ask_for_a_run(probe)
    deadline = time.monotonic() + stack.seal_minutes * _MINUTE_SECONDS + _SPARE_SECONDS
    while (marker := _marker(probe, key)) is None:
        if time.monotonic() > deadline:
            return failed(f"the record is not sealed {stack.seal_minutes} minutes after it was stored")
        time.sleep(_POLL_SECONDS)
    checkpoint = _newest(probe)
    problems = []
    if marker.version != stored.version_ids[0]:
        problems.append("another version of the record is sealed than the one that was stored")
    while checkpoint is not None and checkpoint.size <= marker.start and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)  # a run puts the marker first and the checkpoint last
        checkpoint = _newest(probe)
    if checkpoint is None:
        problems.append("the newest checkpoint is not signed by the log's key, or of another log")
    elif checkpoint.size <= marker.start:
        problems.append(f"the newest checkpoint, of {checkpoint.size} entries, does not cover the record")
    return judged(problems, "the record is covered by the newest checkpoint, whose signature is good")


def sealer(probe: Probe) -> Verdict:
    """The sealer holds exactly its documents, and IAM's simulation lets it put under the seal and nowhere else."""
    stack = probe.deployment
    if stack.sealer_role_arn is None:
        raise CouldNot("stack output sealer_role_arn: is not there; deploy the stack with this version first")
    bucket = stack.place.bucket_arn()
    record = f"{bucket}/{probe.victim().key}"
    return first_wrong(
        documents(probe, Role.SEALER),
        simulated(
            probe,
            Role.SEALER,
            works={"put into the sealed log": ("s3:PutObject", f"{bucket}/{SEAL}{PROBE_NAME}")},
            fails={
                **{
                    f"put objects at {place}": ("s3:PutObject", f"{bucket}/{place}")
                    for place in (f"{RECORDS}{PROBE_NAME}", PROBE_NAME)
                },
                **{f"use {action}": (action, record) for action in _NEVER},
                **{f"use {action}": (action, bucket) for action in bucket_policy.PROTECTIONS},
            },
        ),
    )


def others(probe: Probe) -> Verdict:
    """Putting under the seal is refused to everyone whom a caller can become; to the writer, in simulation."""
    stack = probe.deployment
    fails = {
        f"put objects at {key}": ("s3:PutObject", f"{stack.place.bucket_arn()}/{key}")
        for key in (CHECKPOINT, f"{SEAL}{PROBE_NAME}")
    }
    found = simulated(probe, Role.WRITER, works={}, fails=fails)
    if found.outcome is Outcome.FAILED:
        return found
    put = functools.partial(put_nothing, bucket=stack.bucket, key=CHECKPOINT)
    return probe.try_all(probe.attempts("write into the sealed log", put))


def key(probe: Probe) -> Verdict:
    """Signing with the log's key is refused to everyone whom a caller can become."""
    signing = {
        "KeyId": _key_id(probe),
        "Message": _MESSAGE,
        "MessageType": "RAW",
        "SigningAlgorithm": "ED25519_SHA_512",
    }
    return probe.try_all(probe.attempts("sign with the log's key", lambda kms: kms.sign(**signing), service="kms"))


def _ask_for_a_run(probe: Probe) -> None:
    """Ask the sealer to run now; whether it may be asked, and how the run ends, shows in what is sealed."""
    client = probe.connection.client("lambda", role_arn=probe.connection.administrator_arn)
    name, task = probe.deployment.sealer_function_name, json.dumps({"task": "seal"})
    refusal(lambda: client.invoke(FunctionName=name, Payload=task))


def _key_id(probe: Probe) -> str:
    if probe.deployment.seal_key_id is None:
        raise CouldNot("stack output seal_key_id: is not there; deploy the stack with this version first")
    return probe.deployment.seal_key_id


def _marker(probe: Probe, key: str) -> Marker | None:
    found = _get(probe, marker_key(key))
    try:
        return None if found is None else parse_marker(found)
    except DecodeError:
        return None


def _newest(probe: Probe) -> Checkpoint | None:
    """Return the newest checkpoint, if the log's key has signed it."""
    from cli.verify.trust import verify_signature  # noqa: PLC0415 - only commands that need signatures load them

    kms = probe.connection.client("kms", role_arn=probe.deployment.auditor_role_arn)
    spki = required("auditor: the log's public key", lambda: kms.get_public_key(KeyId=_key_id(probe))["PublicKey"])
    public = VerifierKey(name=str(probe.deployment.seal_origin), public_key=spki[_SPKI_BYTES:])
    try:
        return open_checkpoint(_get(probe, CHECKPOINT) or b"", public, verify_signature)
    except NoteError:
        return None


def _get(probe: Probe, key: str) -> bytes | None:
    """Return an object's newest version as the auditor reads it, None where there is none."""
    where = {"Bucket": probe.deployment.bucket, "Key": key}
    reply = required(f"auditor: {key}", lambda: probe.auditor_s3.get_object(**where), absent="NoSuchKey")
    return None if reply is None else bytes(reply["Body"].read())
