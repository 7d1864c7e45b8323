"""The store, against a server on loopback that answers as it is told."""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from aws_client.s3 import NotDurableError, S3Store
from aws_client.signed import Credentials, SignedClient
from tests.unit.log_writer.scripted import OK, Server, answer, serving

CREDENTIALS = Credentials(access_key="test", secret_key="secret", token="session")
KEY = "records/dt=2026-06-30/abc.jsonl.gz"
BODY = b"the body" * 100


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted server."""
    with serving() as running:
        yield running


def store_at(url: str) -> S3Store:
    """A store at `url`."""
    client = SignedClient(region="eu-central-1", credentials=lambda: CREDENTIALS)
    return S3Store(bucket="log", client=client, endpoint_url=url)


def deadline(seconds: float = 5) -> float:
    """So many seconds from now."""
    return time.monotonic() + seconds


def test_what_is_sent(server: Server) -> None:
    """One create-only PUT with a checksum, signed with every header that matters."""
    put = store_at(server.url).put(KEY, BODY, headers={"Content-Type": "application/x-ndjson"}, deadline=deadline())
    assert (put.existed, put.attempts) == (False, 1)
    ((path, headers, body),) = server.requests
    assert path == "/log/records/dt%3D2026-06-30/abc.jsonl.gz"
    assert body == BODY
    assert headers["if-none-match"] == "*"
    assert headers["content-type"] == "application/x-ndjson"
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert headers["x-amz-content-sha256"] == hashlib.sha256(BODY).hexdigest()
    assert headers["x-amz-security-token"] == "session"
    signed = headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "if-none-match", "x-amz-checksum-sha256", "x-amz-security-token"} <= set(signed)


def test_the_signature_is_right(server: Server) -> None:
    """What arrives, signed again by the same rules, has the same signature."""
    store_at(server.url).put(KEY, BODY, headers={}, deadline=deadline())
    ((path, headers, body),) = server.requests
    authorization = headers.pop("authorization")
    signed = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    kept = {name: headers[name] for name in signed}
    request = AWSRequest(method="PUT", url=server.url + path, data=body, headers=kept)
    request.context["timestamp"] = kept["x-amz-date"]
    signer = S3SigV4Auth(BotocoreCredentials("test", "secret", "session"), "s3", "eu-central-1")
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert authorization.endswith(signature)


@pytest.mark.parametrize(
    ("region", "host"),
    [("eu-central-1", "log.s3.eu-central-1.amazonaws.com"), ("cn-north-1", "log.s3.cn-north-1.amazonaws.com.cn")],
)
def test_on_aws_the_bucket_is_in_the_host(region: str, host: str) -> None:
    """Without an endpoint it is AWS's own, encrypted."""
    store = S3Store(bucket="log", client=SignedClient(region=region, credentials=lambda: CREDENTIALS))
    assert store.url_of("a=b/c") == f"https://{host}/a%3Db/c"


def test_connections_are_kept(server: Server) -> None:
    """Many puts, one connection; one that died in between is replaced without a failed put."""
    store = store_at(server.url)
    for _ in range(5):
        store.put(KEY, BODY, headers={}, deadline=deadline())
    assert len(server.connections) == 1
    server.script = [OK + b"cut", OK]
    for _ in range(2):
        assert store.put(KEY, BODY, headers={}, deadline=deadline()).existed is False


@pytest.mark.parametrize(
    "failure",
    [b"", answer(500), answer(503, b"<Error><Code>SlowDown</Code></Error>"), answer(409), answer(429), answer(502),
     answer(400, b"<Error><Code>RequestTimeout</Code></Error>"), b"HTTP/1.1 200 OK\r\nETag: cut",
     b'HTTP/1.1 200 OK\r\nETag: "0"\r\nx: cut', b"HTTP/1.1 20cut", b"rubbish\r\n\r\ncut",
     answer(200, b"<html>welcome to our network"), answer(200, b"<html>", 'ETag: "0"'), answer(200),
     b'HTTP/1.1 200 OK\r\nETag: "0"\r\nContent-Length: 9\r\n\r\ncut'],
    ids=["hang up", "500", "503", "409", "429", "502", "request timeout", "cut in a header", "cut after a header",
         "cut in the status", "no HTTP", "a login page", "a page with an ETag", "no ETag", "cut in the body"],
)  # fmt: skip
def test_what_may_pass_is_tried_again(server: Server, failure: bytes) -> None:
    """A failure that may pass, or a reply that is not S3's whole word, is tried again, with a new signature."""
    server.script = [failure, failure, OK]
    put = store_at(server.url).put(KEY, BODY, headers={}, deadline=deadline())
    assert (put.existed, put.attempts) == (False, 3)
    assert len(server.requests) == 3


def test_an_object_that_is_there_is_success(server: Server) -> None:
    """412: it is stored, by another request or by an attempt of ours that nobody heard of."""
    server.script = [answer(412), b"", answer(412), answer(409), answer(412)]
    store = store_at(server.url)
    for attempts in (1, 2, 2):
        put = store.put(KEY, BODY, headers={}, deadline=deadline())
        assert (put.existed, put.attempts) == (True, attempts)


@pytest.mark.parametrize("status", [400, 403, 404, 301, 307, 204, 201])
def test_what_will_not_pass_fails_at_once(server: Server, status: int) -> None:
    """A refusal is not tried again, a redirect not followed, and neither is success."""
    server.script = [answer(status, b"<Error/>", "Location: http://127.0.0.1:1/", 'ETag: "0"')]
    with pytest.raises(NotDurableError) as caught:
        store_at(server.url).put(KEY, BODY, headers={}, deadline=deadline())
    assert (caught.value.cause, caught.value.attempts) == (str(status), 1)


@pytest.mark.parametrize("script", [[None] * 50, [b""] * 50, [answer(503)] * 50], ids=["silent", "hangs up", "503"])
def test_it_gives_up_in_time(server: Server, script: list[bytes | None]) -> None:
    """Whatever the other side does, the answer is there before the deadline."""
    server.script = script
    started = time.monotonic()
    with pytest.raises(NotDurableError) as caught:
        store_at(server.url).put(KEY, BODY, headers={}, deadline=deadline(1))
    assert time.monotonic() - started < 1.2
    assert caught.value.attempts < 20


def test_nobody_there() -> None:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(NotDurableError):
        store_at(url).put(KEY, BODY, headers={}, deadline=deadline(0.6))


def test_no_time_left(server: Server) -> None:
    """Without time for an attempt none is made."""
    with pytest.raises(NotDurableError) as caught:
        store_at(server.url).put(KEY, BODY, headers={}, deadline=deadline(0.1))
    assert caught.value.attempts == 0
    assert not server.requests


def test_credentials_are_asked_for_each_time(server: Server) -> None:
    """Credentials that were replaced in between are used."""
    names = iter(["first", "second"])

    def credentials() -> Credentials:
        return Credentials(access_key=next(names), secret_key="secret")

    server.script = [answer(500), OK]
    store = S3Store(bucket="log", client=SignedClient(region="r", credentials=credentials), endpoint_url=server.url)
    store.put(KEY, BODY, headers={}, deadline=deadline())
    assert ["first" in server.requests[0][1]["authorization"], "second" in server.requests[1][1]["authorization"]] == [
        True,
        True,
    ]


def test_threads_share_it(server: Server) -> None:
    """Puts from many threads at once all end well."""
    store = store_at(server.url)
    results: list[bool] = []

    def run(work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        return thread

    def put() -> None:
        results.append(store.put(KEY, BODY, headers={}, deadline=deadline()).existed)

    for thread in [run(put) for _ in range(8)]:
        thread.join()
    assert results == [False] * 8
