"""The operational log, and every answer, hold nothing of a request, whatever is wrong with it, on whichever side."""

import json
import logging
import time
from collections.abc import Mapping

import pytest

from audit_core.masking import Masker
from aws_client.s3 import Put
from log_writer import handler as module
from log_writer.config import Config
from log_writer.handler import handler
from log_writer.service import Writer
from tests.unit.log_writer.harness import NOW, SECRET_TEXT, TOKEN, MemoryStore
from tests.unit.log_writer.test_handler import Context, event
from tests.unit.log_writer.test_wrong_items import INTAKES

FRAGMENTS = {
    "a text": f'"{SECRET_TEXT}"',
    "a long text": f'"{SECRET_TEXT * 400}"',
    "a text with controls": f'"\\u001b{SECRET_TEXT}\\n"',
    "a key": f'{{"{SECRET_TEXT}":1}}',
    "a key twice": f'{{"{SECRET_TEXT}":1,"{SECRET_TEXT}":2}}',
    "half a character": f'"{SECRET_TEXT}\\ud800"',
    "no JSON": f"{SECRET_TEXT}",
    "no value": f'{{"{SECRET_TEXT}":}}',
    "deep": "[" * 300 + f'"{SECRET_TEXT}"' + "]" * 300,
    "cut off": f'"{SECRET_TEXT}',
}


class FailingStore(MemoryStore):
    """Fails as no store should: with what it was given in the message."""

    error: type[Exception] = RuntimeError

    def put(self, key: str, body: bytes, *, headers: Mapping[str, str], deadline: float) -> Put:
        """Fail."""
        assert key
        assert body
        assert headers
        assert deadline > time.monotonic()
        raise self.error(SECRET_TEXT)


@pytest.fixture
def _answering(monkeypatch: pytest.MonkeyPatch, config: Config) -> None:
    """The handler's own writer, over a store in memory."""
    writer = Writer(config, masker=Masker(), store=MemoryStore(), now=lambda: NOW)
    monkeypatch.setattr(module, "_writer", lambda: writer)


@pytest.mark.usefixtures("_answering")
@pytest.mark.parametrize("name", INTAKES)
@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_whatever_is_wrong_with_an_item(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    name: str,
    fragment: str,
) -> None:
    """Refused or stored: no value and no name of the sender's is in the log line or the answer."""
    caplog.set_level(logging.DEBUG)
    intake = INTAKES[name]
    for place in intake.places:
        item = place.replace("WRONG", FRAGMENTS[fragment])
        body = intake.join([intake.good.encode(), item.encode(), intake.good.encode()]).decode()
        response = handler(event(body, path=intake.path), Context())
        output = capsys.readouterr()
        json.loads(output.out)
        assert response["statusCode"] in {200, 207, 400, 422}
        for text in (SECRET_TEXT, TOKEN):
            assert text not in output.out + output.err + str(response) + caplog.text


@pytest.mark.parametrize("error", [RuntimeError, KeyError, MemoryError, UnicodeError])
def test_whatever_a_library_raises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], config: Config, error: type[Exception]
) -> None:
    """Its message is nobody's business: the log has its type and where it came from."""
    store = FailingStore()
    store.error = error
    writer = Writer(config, masker=Masker(), store=store, now=lambda: NOW)
    monkeypatch.setattr(module, "_writer", lambda: writer)
    response = handler(event(json.dumps({"status": 200, "user_id": SECRET_TEXT})), Context())
    output = capsys.readouterr()
    line = json.loads(output.out)
    assert (response["statusCode"], line["failure"]) == (503, error.__name__)
    assert line["at"]
    assert SECRET_TEXT not in output.out + output.err + str(response)
