"""What the emulator does not enforce and AWS does: a fixed list, by attempt.

Only a stack whose outputs carry `emulator_url` is read against it, and only the named attempts: they are not made
there, and the checklist says so. Everything else must be refused there as on AWS. A test makes each of these attempts
against the emulator, so that a gap which a later version closes turns red and leaves the list.
"""

from collections.abc import Mapping
from typing import Final

GAPS: Final[Mapping[str, str]] = {
    "suspend-versioning": "the emulator lets a locked bucket's versioning be suspended; S3 refuses everyone",
    "extend-past-maximum": "the emulator does not know s3:object-lock-remaining-retention-days",
    "change-mode": "the emulator does not know s3:object-lock-mode",
    "release-hold": "the emulator does not know s3:object-lock-legal-hold",
    "place-hold": "the emulator does not know s3:object-lock-legal-hold",
}
"""The gap's name, which an attempt carries, and the reason that the checklist prints."""
