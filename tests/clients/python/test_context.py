"""Which user a call is for: the enclosing block decides, whatever else runs in between."""

import asyncio
import contextlib
import contextvars
import functools
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from audit_log_client import AuditLog, _context
from tests.clients.python.calls import logged
from tests.clients.python.endpoint import Server


def _now() -> tuple[str | None, str | None]:
    return _context.current_user(), _context.current_correlation()


def _turns(user: str) -> Iterator[tuple[str | None, str | None]]:
    """Act for a user in a generator, and yield in between."""
    with _context.user(user), _context.correlation(f"{user}-flow"):
        for _ in range(3):
            yield _now()


async def _async_turns(user: str) -> AsyncIterator[tuple[str | None, str | None]]:
    with _context.user(user), _context.correlation(f"{user}-flow"):
        for _ in range(3):
            await asyncio.sleep(0)
            yield _now()


def _expected(user: str) -> tuple[str, str]:
    return user, f"{user}-flow"


def test_generators_that_take_turns() -> None:
    """Each has its own user. The code that takes their values has neither."""
    first, second = _turns("a"), _turns("b")
    for _ in range(3):
        assert next(first) == _expected("a")
        assert next(second) == _expected("b")
        assert _now() == (None, None)
    assert [*first, *second] == []
    assert _now() == (None, None)
    assert _context._innermost.get() is None


@pytest.mark.parametrize("ended", ["a", "b"])
def test_generators_that_end_in_any_order(ended: str) -> None:
    """The remaining one keeps its user, also when the other is closed in the middle."""
    going = {name: _turns(name) for name in ("a", "b")}
    for generator in going.values():
        next(generator)
    going.pop(ended).close()  # type: ignore[attr-defined]
    ((name, left),) = going.items()
    assert next(left) == _expected(name)
    with _context.user("outer"):
        assert next(left) == _expected(name)
        assert _context.current_user() == "outer"
    assert [*left] == []
    assert _now() == (None, None)
    assert _context._innermost.get() is None


def test_an_outer_block_holds_in_a_generator() -> None:
    """A value that a generator does not set comes from the code that asks for its next value."""

    def inner() -> Iterator[tuple[str | None, str | None]]:
        with _context.user("inner"):
            yield _now()
            yield _now()

    generator = inner()
    with _context.correlation("c-1"):
        assert next(generator) == ("inner", "c-1")
        assert _now() == (None, "c-1")
    with _context.correlation("c-2"), _context.user("consumer"):
        assert _now() == ("consumer", "c-2")
        assert next(generator) == ("inner", "c-2")
    generator.close()  # type: ignore[attr-defined]
    assert _now() == (None, None)


def test_generators_in_generators() -> None:
    """The innermost running one decides."""

    def outer() -> Iterator[str | None]:
        with _context.user("outer"):
            yield _context.current_user()
            for user, _ in _turns("inner"):
                yield user
                yield _context.current_user()

    assert [*outer()] == ["outer", *["inner", "outer"] * 3]


def test_asynchronous_generators() -> None:
    """They behave the same, in one task and in several."""

    async def one_task() -> None:
        first, second = _async_turns("a"), _async_turns("b")
        for _ in range(3):
            assert await anext(first) == _expected("a")
            assert await anext(second) == _expected("b")
            assert _now() == (None, None)

    async def take(name: str) -> None:
        assert [turn async for turn in _async_turns(name)] == [_expected(name)] * 3

    async def run() -> None:
        await one_task()
        await asyncio.gather(*map(take, "abcdef"))

    asyncio.run(run())


def test_what_a_generator_starts(caplog: pytest.LogCaptureFixture) -> None:
    """Tasks and threads of a generator's block keep its user. Where two generators are possible, there is none."""

    async def turns(user: str) -> AsyncIterator[tuple[str | None, str | None]]:
        async def call() -> str | None:
            await asyncio.sleep(0)
            return await asyncio.to_thread(_context.current_user)

        async def call_for() -> str | None:
            with _context.user(user):
                return await call()

        with _context.user(user):
            first, second = await asyncio.gather(call(), call())
            yield first, second
            first, second = await asyncio.gather(call(), call_for())
            yield first, second

    async def run() -> None:
        assert [turn async for turn in turns("alone")] == [("alone", "alone")] * 2
        assert not caplog.records
        first, second = turns("a"), turns("b")
        assert await anext(first) == ("a", "a")
        await anext(second)
        assert await anext(first) == (None, "a")

    _context._warn_of_doubt.cache_clear()
    asyncio.run(run())
    assert caplog.records


@contextlib.contextmanager
def _acting_for(user: str) -> Iterator[None]:
    with _context.user(user):
        yield


@contextlib.asynccontextmanager
async def _acting_later_for(user: str) -> AsyncIterator[None]:
    with _acting_for(user):
        yield


def test_context_managers_of_the_programs_own() -> None:
    """A block in a generator-based context manager holds where that is used, also in exit stacks and decorators."""
    with _acting_for("a"):
        assert _context.current_user() == "a"
        with contextlib.ExitStack() as stack:
            stack.enter_context(_acting_for("b"))
            assert _context.current_user() == "b"
        assert _context.current_user() == "a"

    @_context.user("decorated")  # type: ignore[operator]
    def act() -> str | None:
        return _context.current_user()

    assert [act(), act()] == ["decorated"] * 2

    async def run() -> None:
        async with _acting_later_for("c"):
            assert _context.current_user() == "c"
        assert _context.current_user() is None

    asyncio.run(run())

    def generator(user: str) -> Iterator[str | None]:
        with _acting_for(user):
            yield _context.current_user()
            yield _context.current_user()

    first, second = generator("x"), generator("y")
    assert [next(first), next(second), next(first), next(second)] == ["x", "y", "x", "y"]


def test_a_block_that_is_entered_and_left_elsewhere() -> None:
    """Web frameworks do so at the beginning and the end of a request."""
    block = _context.user("a")

    def begin() -> None:
        block.__enter__()

    begin()
    assert _context.current_user() == "a"
    block.__exit__(None, None, None)
    assert _context.current_user() is None


def test_a_block_that_is_entered_twice() -> None:
    """It may be used again after its end. Inside itself it raises: its own outer block would be itself."""
    block = _context.user("a")
    for _ in range(2):
        with block:
            assert _now() == ("a", None)
            with pytest.raises(RuntimeError, match="entered already"):
                block.__enter__()
            assert _now() == ("a", None)
    assert _now() == (None, None)


def test_a_task_that_outlives_the_block() -> None:
    """It keeps the user that it was started for."""

    async def call() -> str | None:
        await asyncio.sleep(0.01)
        return _context.current_user()

    async def run() -> str | None:
        with _context.user("a"):
            task = asyncio.create_task(call())
        assert _context.current_user() is None
        return await task

    assert asyncio.run(run()) == "a"


def test_a_thread_with_the_context() -> None:
    """A thread has the user with `copy_context().run`, and none without it."""
    seen: list[str | None] = []

    def look() -> None:
        seen.append(_context.current_user())

    with _context.user("a"):
        for target in (functools.partial(contextvars.copy_context().run, look), look):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()
    assert seen == ["a", None]


def test_calls_of_generators_are_logged_for_their_own_users(log: AuditLog, endpoint: Server, service: Server) -> None:
    """Calls through the hook and through `record` have the right user."""

    def agent(user: str) -> Iterator[None]:
        with log.user(user), log.session(f"{user}-session"):
            for _ in range(2):
                client.get(f"{service.url}/{user}")
                log.record(endpoint=f"https://example.com/{user}")
                yield

    with log.http_client() as client:
        for _ in zip(agent("a"), agent("b"), strict=True):
            pass
    events = logged(log, endpoint)
    assert len(events) == 8
    assert all(event["endpoint"].endswith(f"/{event['user_id']}") for event in events)
    assert all(event["session_id"] == f"{event['user_id']}-session" for event in events)
