"""Who a call is for, and which workflow it belongs to: set around the code that calls, read when the call is made.

Promise: a `with` block sets a value for the code that it calls, and for the tasks and threads that it starts with its
context. A generator shares the context of the code that asks for its next value. So a block in a generator holds only
while that generator runs: not for another generator, and not for the code that takes its values. Where several such
blocks are open, it can be unknown which of them started a task. Then the task has no value, and a warning is logged.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import sys
import threading
from contextlib import AbstractContextManager, ContextDecorator
from contextvars import ContextVar
from functools import lru_cache
from types import FrameType, TracebackType

_logger = logging.getLogger("audit_log_client")

_USER, _CORRELATION, _SESSION = "user", "correlation", "session"
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
_MOST_FRAMES = 1000


def current_user() -> str | None:
    """Return the user that calls are made for here."""
    return _current(_USER)


def current_correlation() -> str | None:
    """Return the workflow that calls belong to here."""
    return _current(_CORRELATION)


def current_session() -> str | None:
    """Return the session that calls belong to here."""
    return _current(_SESSION)


class _Scope(ContextDecorator, AbstractContextManager[None]):
    """One block, entered once.

    `frame`: where it was entered. `is_generators`: whether that is a generator's frame. `in_generator`: whether this
    block's or an outer block's frame is one. `where`: a generator's thread and task. `closed`: it was left before an
    inner block.
    """

    def __init__(self, name: str, value: object) -> None:
        self.name = name
        self.value = None if value is None else str(value)
        self.outer: _Scope | None = None
        self.frame: FrameType | None = None
        self.is_generators = False
        self.in_generator = False
        self.where: tuple[int, int] | None = None
        self.closed = False

    def _recreate_cm(self) -> _Scope:  # for each call of a function that it decorates
        return _Scope(self.name, self.value)

    def __enter__(self) -> None:
        if self.frame is not None:
            raise RuntimeError("this block is entered already: make another one")
        self.closed = False
        self.outer = _innermost.get()
        self.frame = _caller()
        self.is_generators = self.frame is not None and bool(self.frame.f_code.co_flags & _GENERATOR)
        self.in_generator = self.is_generators or (self.outer is not None and self.outer.in_generator)
        if self.is_generators:
            self.where = _where()
        _innermost.set(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.frame = None
        if _innermost.get() is not self:  # another generator's block is still open
            self.closed = True
            return
        outer = self.outer
        while outer is not None and outer.closed:
            outer = outer.outer
        _innermost.set(outer)


_innermost: ContextVar[_Scope | None] = ContextVar("audit_log_scope", default=None)


def _current(name: str) -> str | None:
    scope = _innermost.get()
    if scope is None:
        return None
    if scope.in_generator:
        return _current_among_generators(scope, name)
    while scope is not None:
        if scope.name == name:
            return scope.value
        scope = scope.outer
    return None


def _current_among_generators(innermost: _Scope, name: str) -> str | None:
    """Return the value of the block that encloses the running code. The stack shows which block that is."""
    here = _where()
    open_scopes: list[_Scope] = []
    scope: _Scope | None = innermost
    while scope is not None:
        if scope.name == name and not (scope.closed and scope.where == here):
            open_scopes.append(scope)
        scope = scope.outer
    by_frame: dict[FrameType, _Scope] = {one.frame: one for one in reversed(open_scopes) if one.frame is not None}
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - the one way to the stack
    for _ in range(_MOST_FRAMES):
        if frame is None or not by_frame:
            break
        if frame in by_frame:
            return by_frame[frame].value
        frame = frame.f_back
    # No block is on the stack: skip those of generators that are suspended here.
    others = [scope for scope in open_scopes if not scope.is_generators or scope.where != here]
    if not others:
        return None
    if others[0].is_generators and len({scope.value for scope in others if scope.is_generators}) > 1:
        _warn_of_doubt(name)
        return None
    return others[0].value


@lru_cache(maxsize=8)
def _warn_of_doubt(name: str) -> None:
    _logger.warning(
        "several generators have set a %s, and one of them started a task: the task's calls are logged without it."
        " Set it in the task itself",
        name,
    )


def _caller() -> FrameType | None:
    """Return the frame that entered a block, without the frames of `contextlib` in between."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the one way to the stack
    while frame is not None and frame.f_back is not None:
        back = frame.f_back
        if frame.f_code.co_filename == contextlib.__file__:
            frame = back
        elif frame.f_code.co_flags & _GENERATOR and back.f_code.co_filename == contextlib.__file__:
            frame = back  # a generator that is a context manager: the block belongs to the code that uses it
        else:
            break
    return frame


def _where() -> tuple[int, int]:
    """Return the current thread and task."""
    task: object = None
    for library in ("asyncio", "trio.lowlevel"):
        module = sys.modules.get(library)
        if task is None and module is not None:
            with contextlib.suppress(RuntimeError):
                task = module.current_task()
    return threading.get_ident(), id(task)


def user(user_id: object) -> AbstractContextManager[None]:
    """See `AuditLog.user`."""
    return _Scope(_USER, user_id)


def correlation(correlation_id: object) -> AbstractContextManager[None]:
    """See `AuditLog.correlation`."""
    return _Scope(_CORRELATION, correlation_id)


def session(session_id: object) -> AbstractContextManager[None]:
    """See `AuditLog.session`."""
    return _Scope(_SESSION, session_id)
