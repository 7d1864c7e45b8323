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
"""Names of calls that the emulator evaluates as actions; the local cloud adds them to the actions they belong to.

On AWS they are no actions: whoever may delete a message may delete several at once.
"""


def without_batches(statement: Mapping[str, object]) -> Mapping[str, object]:
    """Return a statement of the emulator as the program wrote it."""
    actions = statement.get("Action")
    kept = [action for action in actions if action not in BATCHES] if isinstance(actions, list) else actions
    return {**statement, "Action": kept}
