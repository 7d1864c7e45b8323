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

BATCHES: Final = frozenset({"sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch", "sqs:SendMessageBatch"})
"""Calls for which the emulator asks for a permission of their own. The local cloud adds it to the action's own.

On AWS the action for one message also allows the call for several.
"""


def without_batches(statement: Mapping[str, object]) -> Mapping[str, object]:
    """Return a statement as the program wrote it, without the actions that the local cloud added."""
    actions = statement.get("Action")
    kept = [action for action in actions if action not in BATCHES] if isinstance(actions, list) else actions
    return {**statement, "Action": kept}
