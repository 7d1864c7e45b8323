"""The engine's errors: one family, each a sentence that a user can act on, with the URN of the resource concerned."""

from __future__ import annotations


class EngineError(Exception):
    """A deployment that could not be done, or not to its end.

    Attributes:
        urn: the resource concerned, or `""`.
        reason: what went wrong, without the URN.
    """

    def __init__(self, reason: str, *, urn: str = "") -> None:
        """Build the message from the resource's URN, if any, and the reason."""
        self.urn = urn
        self.reason = reason
        super().__init__(f"{urn}: {reason}" if urn else reason)


class ProgramError(EngineError):
    """The Pulumi program itself failed: it raised, exited non-zero or could not be started."""


class ProgramTimeoutError(ProgramError):
    """The Pulumi program did not end within its time."""


class ProviderError(EngineError):
    """A provider refused or failed an operation on a resource.

    Attributes:
        operation: check, diff, create, read, update, delete, configure or invoke.
        detail: the provider's own words.
        uncertain: no answer came, so that nobody knows whether it was done.
    """

    def __init__(self, operation: str, reason: str, *, urn: str = "", uncertain: bool = False) -> None:
        """Name the operation in front of the provider's own reason."""
        self.operation = operation
        self.detail = reason
        self.uncertain = uncertain
        super().__init__(f"{operation} failed: {reason}", urn=urn)


class ProtectedError(EngineError):
    """The program asks to delete or replace a resource that the state marks as protected."""


class UnsupportedError(EngineError):
    """The program uses a part of Pulumi that this engine does not have, or a package without a provider."""


class StateError(EngineError):
    """The state file cannot be read or written, or is not one of ours."""


class LockedError(StateError):
    """Another run holds the state."""


class CancelledError(EngineError):
    """The run was interrupted; what was done until then is in the state."""
