"""A small deployment engine over the Pulumi SDK's own gRPC services; see `engine.Engine`."""

from localcloud.engine.engine import Engine
from localcloud.engine.errors import (
    CancelledError,
    EngineError,
    LockedError,
    ProgramError,
    ProgramTimeoutError,
    ProtectedError,
    ProviderError,
    StateError,
    UnsupportedError,
)
from localcloud.engine.refresh import GONE
from localcloud.engine.report import Event, Message, Plan, Progress, Result, Step

__all__ = [
    "GONE",
    "CancelledError",
    "Engine",
    "EngineError",
    "Event",
    "LockedError",
    "Message",
    "Plan",
    "ProgramError",
    "ProgramTimeoutError",
    "Progress",
    "ProtectedError",
    "ProviderError",
    "Result",
    "StateError",
    "Step",
    "UnsupportedError",
]
