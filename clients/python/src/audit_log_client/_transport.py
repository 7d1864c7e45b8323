"""The hook: a transport around another, for clients of `httpx` and of `httpx2`, which is the same under another name.

Promise: the agent gets the inner transport's answer or exception, byte for byte. A fault in here is only logged. Each
request shows which of the two libraries is used; neither is imported for it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from audit_log_client._body import Body, Unpack
from audit_log_client._call import Call
from audit_log_client._event import media_type
from audit_log_client._events import READ_TYPES, Events
from audit_log_client._http import NAMES, plain_headers

if TYPE_CHECKING:
    from typing import Self  # from Python 3.11 on

_logger = logging.getLogger("audit_log_client")
_SWITCHING = 101


class Hook(Protocol):
    """Where the calls go."""

    def begin(self, request: Any) -> Call | None:  # noqa: ANN401 - of either library
        """Start to log a call; null for one that is not logged."""
        ...


def library_of(thing: object) -> ModuleType:
    """Return the library that a request, a client or a transport belongs to. Raise `TypeError` for any other."""
    name = _library_name(type(thing))
    if name is None:
        raise TypeError(f"expected an object of httpx or httpx2, not {type(thing).__name__}")
    return sys.modules[name]


@lru_cache(maxsize=64)
def _library_name(kind: type) -> str | None:
    roots = (base.__module__.partition(".")[0] for base in kind.__mro__)
    return next((root for root in roots if root in NAMES), None)


@lru_cache(maxsize=8)
def _of_library(mixin: type, library: ModuleType, base: str) -> type[Any]:
    """`mixin` as a class of the library's own kind: its clients ask for that."""
    return type(mixin.__name__, (mixin, getattr(library, base)), {})


class _Transport:
    """What both transports share: all work about a call that is not the call itself. Faults in it are caught."""

    def __init__(self, hook: Hook, inner: Any) -> None:  # noqa: ANN401 - of either library
        self._hook = hook
        self._inner = inner

    def _begin(self, request: Any, mixin: type, base: str) -> tuple[Call | None, Any]:  # noqa: ANN401 - of either
        """Return the call, and the request's stream where it had to be replaced for the time of the call."""
        try:
            call = self._hook.begin(request)
            if call is None:
                return None, None
            try:
                content = request.content
            except Exception:  # noqa: BLE001 - `RequestNotRead`, of whichever library
                content = None
            body = call.sends(content)
            if body is None:
                return call, None
            stream = request.stream
            request.stream = _of_library(mixin, library_of(request), base)(stream, call, body)
        except Exception:
            _logger.exception("a call could not be logged")
            return None, None
        return call, stream

    def _answered(self, call: Call, request: Any, response: Any, mixin: type, base: str) -> None:  # noqa: ANN401
        try:
            library = library_of(request)
            headers = plain_headers(response.headers)
            try:
                content = response.content
            except Exception:  # noqa: BLE001 - `ResponseNotRead`: the usual case
                content = None
            if content is not None or response.status_code == _SWITCHING:
                call.answered(response.status_code, headers, None, content)
                return
            encoding = headers.get("content-encoding", "")
            mime = media_type(headers.get("content-type")) or ""
            events = Events(mime) if mime in READ_TYPES else None
            body = Body(key=call.key, encoding=encoding, unpack=_unpacker(library, encoding), events=events)
            call.answered(response.status_code, headers, body, None)
            response.stream = _of_library(mixin, library, base)(response.stream, call, body)
        except Exception:
            _logger.exception("an answer could not be logged")


def _unpacker(library: ModuleType, encoding: str) -> Unpack | None:
    """Return a function that unpacks a whole body, as the library does for the agent."""
    if not encoding or encoding.lower() == "identity":
        return None

    def unpack(data: bytes) -> bytes:
        content: bytes = library.Response(200, headers={"content-encoding": encoding}, content=data).content
        return content

    return unpack


class _Sent:
    """A request's stream that reports its chunks."""

    def __init__(self, inner: Any, call: Call, body: Body) -> None:  # noqa: ANN401 - of either library
        self._inner = inner
        self._call = call
        self._body = body

    def _take(self, chunk: bytes) -> None:
        try:
            self._body.add(chunk)
        except Exception:
            _logger.exception("a request could not be followed")


class SentStream(_Sent):
    """Of a synchronous request."""

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._inner:
            self._take(chunk)
            yield chunk
        self._call.sent()

    def close(self) -> None:
        """Close the inner stream."""
        self._inner.close()


class AsyncSentStream(_Sent):
    """Of an asynchronous request."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._take(chunk)
            yield chunk
        self._call.sent()

    async def aclose(self) -> None:
        """Close the inner stream."""
        await self._inner.aclose()


class _Received(_Sent):
    """A response's stream that reports what the agent reads of it, and when it stops."""

    def _take(self, chunk: bytes) -> None:
        try:
            self._call.received(chunk)
        except Exception:
            _logger.exception("an answer could not be followed")

    def _end(self, *, complete: bool, error: BaseException | None = None) -> None:
        try:
            if error is None or isinstance(error, GeneratorExit):
                self._call.end(complete=complete)
            else:
                self._call.fail(error)
        except Exception:
            _logger.exception("an answer's end could not be logged")

    def __del__(self) -> None:
        self._end(complete=False)


class ReceivedStream(_Received):
    """Of a synchronous response."""

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._inner:
                self._take(chunk)
                yield chunk
        except BaseException as error:
            self._end(complete=False, error=error)
            raise
        self._end(complete=True)

    def close(self) -> None:
        """Close the inner stream. The rest of it will not be read."""
        try:
            self._inner.close()
        finally:
            self._end(complete=False)


class AsyncReceivedStream(_Received):
    """Of an asynchronous response."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._inner.__aiter__()
        try:
            async for chunk in stream:
                self._take(chunk)
                yield chunk
        except BaseException as error:
            self._end(complete=False, error=error)
            raise
        finally:
            if hasattr(stream, "aclose"):  # a generator: closed here and now, not whenever it is collected
                await stream.aclose()
        self._end(complete=True)

    async def aclose(self) -> None:
        """Close the inner stream. The rest of it will not be read."""
        try:
            await self._inner.aclose()
        finally:
            self._end(complete=False)


class LoggedTransport(_Transport):
    """For `httpx.Client` and `httpx2.Client`."""

    def handle_request(self, request: Any) -> Any:  # noqa: ANN401 - of either library
        """Send one request."""
        if self._inner is None:
            self._inner = library_of(request).HTTPTransport()
        call, stream = self._begin(request, SentStream, "SyncByteStream")
        if call is None:
            return self._inner.handle_request(request)
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            _fail(call, error)
            raise
        finally:
            if stream is not None:
                request.stream = stream
        self._answered(call, request, response, ReceivedStream, "SyncByteStream")
        return response

    def close(self) -> None:
        """Close the inner transport."""
        if self._inner is not None:
            self._inner.close()

    def __enter__(self) -> Self:
        if self._inner is not None:
            self._inner.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inner is not None:
            self._inner.__exit__(kind, error, trace)


class AsyncLoggedTransport(_Transport):
    """For `httpx.AsyncClient` and `httpx2.AsyncClient`."""

    async def handle_async_request(self, request: Any) -> Any:  # noqa: ANN401 - of either library
        """Send one request."""
        if self._inner is None:
            self._inner = library_of(request).AsyncHTTPTransport()
        call, stream = self._begin(request, AsyncSentStream, "AsyncByteStream")
        if call is None:
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            _fail(call, error)
            raise
        finally:
            if stream is not None:
                request.stream = stream
        self._answered(call, request, response, AsyncReceivedStream, "AsyncByteStream")
        return response

    async def aclose(self) -> None:
        """Close the inner transport."""
        if self._inner is not None:
            await self._inner.aclose()

    async def __aenter__(self) -> Self:
        if self._inner is not None:
            await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inner is not None:
            await self._inner.__aexit__(kind, error, trace)


def _fail(call: Call, error: BaseException) -> None:
    try:
        call.fail(error)
    except Exception:
        _logger.exception("a failed call could not be logged")


def instrument(hook: Hook, client: Any) -> Any:  # noqa: ANN401 - of either library
    """Put the hook around all transports of a client, those to proxies too. Raise `TypeError`."""
    library = library_of(client)
    if isinstance(client, library.Client):
        kind: type[_Transport] = LoggedTransport
    elif isinstance(client, library.AsyncClient):
        kind = AsyncLoggedTransport
    else:
        raise TypeError(f"expected a client, not {type(client).__name__}")
    # `transport=` and `mounts=` of a client's constructor would leave out the proxies of its environment: whoever
    # instruments these libraries sets the attributes behind them.
    if not isinstance(client._transport, kind):  # noqa: SLF001
        client._transport = kind(hook, client._transport)  # noqa: SLF001
        client._mounts = {  # noqa: SLF001
            pattern: mount if mount is None else kind(hook, mount)
            for pattern, mount in client._mounts.items()  # noqa: SLF001
        }
    return client
