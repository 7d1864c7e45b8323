"""Time stamps of checkpoints by an authority (RFC 3161): what the log has shown to somebody else, and when.

Promise: a time stamp counts when it is of the checkpoint's bytes, and one of the roots that the caller trusts stands
behind its signature. Without roots it is compared with the checkpoint all the same, and that its signature was not
checked is said. Whatever its bytes are, it is a finding and no failure.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from rfc3161_client import (
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from audit_core.layout import ANCHOR_SUFFIX, ANCHORS, checkpoint_key
from audit_core.timestamps import TimestampError, read_timestamp
from cli.exits import CouldNot
from cli.verify.findings import Report
from cli.verify.source import Source

_MAX_ROOTS: Final = 1 << 20
_SEQUENCE: Final = 0x30
_GRANTED: Final = bytes.fromhex("3003020100")  # PKIStatusInfo ::= SEQUENCE { status INTEGER 0 }
_SHORT: Final = 0x80


def read_roots(path: Path) -> list[x509.Certificate]:
    """Return the certificates in a PEM file. Raise CouldNot."""
    try:
        with path.open("rb") as file:
            return x509.load_pem_x509_certificates(file.read(_MAX_ROOTS))
    except OSError as error:
        raise CouldNot(f"--anchors: {path}: {error.strerror}") from None
    except ValueError:
        raise CouldNot(f"--anchors: {path}: holds no certificate in PEM") from None


def check_anchors(source: Source, report: Report, *, sizes: Sequence[int], roots: Sequence[x509.Certificate]) -> None:
    """Check every time stamp of a checkpoint in `sizes`, which are those that are well signed and of this log."""
    good = frozenset(sizes)
    unchecked = 0
    newest: tuple[datetime, int] | None = None
    for rows in source.versions(ANCHORS):
        key = rows[0].key
        name = key.removeprefix(ANCHORS).removesuffix(ANCHOR_SUFFIX)
        # No log has a size of more digits; what is of no such checkpoint is found as a file that the log does not have.
        if not (name.isascii() and name.isdigit() and len(name) < 19 and int(name) in good):  # noqa: PLR2004
            continue
        stamp, checkpoint = source.read(key), source.read(checkpoint_key(int(name)))
        if stamp is None or checkpoint is None:
            continue  # the listing has it, and the copy does not: that is found there
        try:
            when = _checked(stamp.data, checkpoint.data, roots)
        except VerificationError as error:
            report.found("anchor", key, f"{error}")
            continue
        if not roots:
            unchecked += 1
            continue
        report.anchors += 1
        newest = max(newest or (when, int(name)), (when, int(name)))
    if newest is not None:
        report.freshness.append(f"time-stamped at {newest[0]:%Y-%m-%dT%H:%M:%SZ} (size {newest[1]})")
    if unchecked:
        report.notices.append(
            f"{unchecked} time stamps are of their checkpoints; whose they are was not checked (--anchors)"
        )


def _checked(stamp: bytes, checkpoint: bytes, roots: Sequence[x509.Certificate]) -> datetime:
    """Return the time in a time stamp of a checkpoint. Raise VerificationError, in our own words."""
    try:
        response = read_timestamp(stamp, checkpoint)
        when = response.tst_info.gen_time.astimezone(UTC)
    except TimestampError as error:
        raise VerificationError(error.reason) from None
    except (ValueError, TypeError, OverflowError):
        raise VerificationError("has no valid time") from None
    if roots:
        _check_signature(response, hashlib.sha256(checkpoint).digest(), roots)
    return when


def _check_signature(response: TimeStampResponse, digest: bytes, roots: Sequence[x509.Certificate]) -> None:
    builder = VerifierBuilder()
    for root in dict.fromkeys(roots):
        builder = builder.add_root_certificate(root)
    try:
        # rfc3161-client accepts status 0 alone; RFC 3161 also 1 (granted with mods). No signature covers the status.
        granted = _sequence(_GRANTED + response.time_stamp_token())
        builder.build().verify(decode_timestamp_response(granted), digest)
    except (VerificationError, ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise VerificationError("is not signed by an authority below the given roots") from None


def _sequence(body: bytes) -> bytes:
    """Return a DER sequence."""
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([_SEQUENCE]) + (size if len(body) < _SHORT else bytes([_SHORT | len(size)]) + size) + body
