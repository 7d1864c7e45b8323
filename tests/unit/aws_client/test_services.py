"""What the sealer asks of AWS: what is tried again, and what counts as an answer."""

from collections.abc import Iterator

import pytest

from aws_client.services import JsonService, ServiceError, Topic
from aws_client.signed import Credentials, SignedClient
from log_sealer.bucket import Bucket
from tests.unit.log_writer.scripted import OK, Server, answer, serving

_THROTTLED = answer(400, b'{"__type":"com.amazonaws.kms#ThrottlingException","message":"secret words"}')
_DENIED = answer(400, b'{"__type":"AccessDeniedException","message":"secret words"}')


@pytest.fixture
def server() -> Iterator[Server]:
    """A scripted server."""
    with serving() as running:
        yield running


def _client() -> SignedClient:
    return SignedClient(region="eu-central-1", credentials=lambda: Credentials(access_key="id", secret_key="key"))


def _kms(server: Server) -> JsonService:
    return JsonService("kms", client=_client(), endpoint_url=server.url)


def test_a_throttled_request_is_tried_again(server: Server) -> None:
    """AWS's JSON services throttle with status 400."""
    server.script = [_THROTTLED, answer(429), answer(500), answer(200, b'{"a":1}')]
    assert _kms(server).call("Sign", {}) == {"a": 1}


@pytest.mark.parametrize(
    ("script", "requests", "says"),
    [
        ([_DENIED], 1, "kms Sign: 400 AccessDeniedException"),
        ([_THROTTLED] * 9, 4, "kms Sign: 400 ThrottlingException"),
        ([answer(200, b"<html>secret words")], 1, "kms Sign: the reply is not a JSON object"),
        ([answer(200, b"[]")], 1, "kms Sign: the reply is not a JSON object"),
    ],
)
def test_an_error_says_only_what_failed(server: Server, script: list[bytes | None], requests: int, says: str) -> None:
    """A refusal is final, tries are bounded, and no message of a reply is repeated."""
    server.script = script
    with pytest.raises(ServiceError) as caught:
        _kms(server).call("Sign", {})
    assert (str(caught.value), len(server.requests)) == (says, requests)


def test_a_message_is_published(server: Server) -> None:
    """SNS speaks another protocol, and is tried again like the others."""
    server.script = [answer(503), answer(200, b"<PublishResponse/>")]
    Topic("arn:aws:sns:eu-central-1:1:t", client=_client(), endpoint_url=server.url).publish("a subject", "a text")
    assert server.requests[-1][2].endswith(b"Subject=a+subject&Message=a+text")


def test_a_file_of_the_seal_is_there_only_when_s3_says_so(server: Server) -> None:
    """The page of a proxy has status 200 too. It does not count as a stored file."""
    server.script = [answer(200, b"<html>log in"), OK]
    assert Bucket(name="log", client=_client(), endpoint_url=server.url).create("seal/key", b"k", mime="text/plain")
    assert len(server.requests) == 2
    assert [headers["if-none-match"] for _, headers, _ in server.requests] == ["*", "*"]
