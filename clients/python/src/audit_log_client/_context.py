"""Who a call is for, and which workflow it belongs to: set around the code that calls, read when the call is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

_user: ContextVar[str | None] = ContextVar("audit_log_user", default=None)
_correlation: ContextVar[str | None] = ContextVar("audit_log_correlation", default=None)
_session: ContextVar[str | None] = ContextVar("audit_log_session", default=None)


def current_user() -> str | None:
    """The user that calls are made for here."""
    return _user.get()


def current_correlation() -> str | None:
    """The workflow that calls belong to here."""
    return _correlation.get()


def current_session() -> str | None:
    """The session that calls belong to here."""
    return _session.get()


@contextmanager
def _set(variable: ContextVar[str | None], value: object) -> Iterator[None]:
    token = variable.set(None if value is None else str(value))
    try:
        yield
    finally:
        try:
            variable.reset(token)
        except ValueError:  # an async generator that is closed in another context than it was opened in
            variable.set(None)


def user(user_id: str | None) -> AbstractContextManager[None]:
    """See `AuditLog.user`."""
    return _set(_user, user_id)


def correlation(correlation_id: str | None) -> AbstractContextManager[None]:
    """See `AuditLog.correlation`."""
    return _set(_correlation, correlation_id)


def session(session_id: str | None) -> AbstractContextManager[None]:
    """See `AuditLog.session`."""
    return _set(_session, session_id)
