"""Claude Code's and the Claude Agent SDK's events: what the real program sent, and what it sends on other days."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from audit_core.digest import digest_payload
from localcloud.place import ROOT
from log_writer.service import Writer
from tests.unit.log_writer.harness import PLANTED, SECRET_TEXT, MemoryStore
from tests.unit.log_writer.otlp import JSON, LOGS, PROTOBUF, SPANS, export, log, post, span

SCOPE = "com.anthropic.claude_code.events"
WIRE = ROOT / "tests" / "sdks" / "wire"
CAPTURES = sorted(path.stem for path in WIRE.glob("claude_*.json"))
# What the captures' prompts, answers, tool results and errors say.
SAID = ("Quokkas", "marzipan", "heliotrope", "zeppelin", "turnstile", "notes.txt", "sk_live")

Make = Callable[..., Any]


@pytest.fixture
def event(writer: Writer, store: MemoryStore) -> Make:
    """Export one event of Claude Code's; its record."""

    def call(name: str, **attributes: object) -> Any:  # noqa: ANN401 - decoded JSON
        before = set(store.objects)
        sent = {"event.name": name, "event.sequence": 3, "session.id": "s", "prompt.id": "p", **attributes}
        item = log({key.replace("__", "."): value for key, value in sent.items()}, body=f"claude_code.{name}")
        assert export(writer, LOGS, item, scope=SCOPE, resource={"service.name": "claude-code"}).status == 200
        (key,) = set(store.objects) - before
        (made,) = MemoryStore(objects={key: store.objects[key]}).records
        return made

    return call


@pytest.mark.parametrize("capture", CAPTURES)
def test_what_the_real_program_sent(writer: Writer, store: MemoryStore, capture: str) -> None:
    """Every event is stored once, in one order, tied to its session; nothing of what was said is anywhere."""
    told = ""
    for request in json.loads((WIRE / f"{capture}.json").read_bytes())["requests"]:
        encoded = "base64" in request or isinstance(request.get("body"), str)
        body = (
            base64.b64decode(request.get("base64") or request["body"])
            if encoded
            else json.dumps(request["json"]).encode()
        )
        for _ in range(2):  # and again, as after a lost answer
            response = post(writer, request["path"], body, encoding=PROTOBUF if encoded else JSON)
            assert (response.status, response.body) == (200, b"" if encoded else b"{}")
            told += repr(response)
    records = store.records
    assert records
    assert len({record["record_id"] for record in records}) == len(records)
    assert len({record["session_id"] for record in records}) == 1
    assert {record["agent_name"] for record in records} == {"claude-code"}
    text = told + b"\n".join(store.lines).decode()
    assert not [word for word in SAID if word in text]
    calls = [record for record in records if record["attributes"].get("event_name") == "claude_code.api_request"]
    for call in calls:
        assert (call["outcome"], call["endpoint"], call["status"]) == ("success", None, None)
        assert call["tokens"].items() >= {"input": 21, "output": 7, "cache_read": 3, "cache_creation": 0}.items()
        assert call["duration_ms"] > 0
        assert call["attributes"]["cost_usd"] > 0


def test_a_call(event: Make) -> None:
    """Model, tokens, duration and request id are observed; outcome and correlation follow from the event."""
    made = event("api_request", model="claude-opus-5-5", input_tokens="21", output_tokens=7, duration_ms="43",
                 request_id="req_1", cost_usd=0.5, ttft_ms=14, user__id="u", user__account_uuid="a")  # fmt: skip
    fields = ("model", "tokens", "duration_ms", "provider_request_id", "user_id", "session_id", "correlation_id")
    assert [made[name] for name in fields] == [
        "claude-opus-5-5",
        {"input": 21, "output": 7},
        43,
        "req_1",
        "a",
        "s",
        "p",
    ]
    assert (made["outcome"], made["inferred"]) == ("success", ["outcome", "correlation_id"])
    expected = {"event_name": "claude_code.api_request", "event_sequence": 3, "prompt_id": "p", "cost_usd": 0.5}
    assert expected.items() <= made["attributes"].items()


@pytest.mark.parametrize(
    ("provider", "custom", "endpoint"),
    [
        ("firstParty", False, "api.anthropic.com/v1/messages"),
        ("firstParty", True, None),
        ("bedrock", False, None),
        (None, None, None),
    ],
)
def test_the_endpoint(event: Make, provider: str | None, custom: bool | None, endpoint: str | None) -> None:  # noqa: FBT001
    """Inferred where the event says that calls went to Anthropic's own; null otherwise."""
    made = event("api_request", anthropic__provider=provider, anthropic__custom_base_url=custom)
    assert (made["endpoint"], made["method"]) == (endpoint, endpoint and "POST")
    assert ("endpoint" in made["inferred"]) == ("method" in made["inferred"]) == (endpoint is not None)


@pytest.mark.parametrize(
    ("name", "attributes", "status", "outcome"),
    [
        ("api_error", {"status_code": 429, "error": SECRET_TEXT}, 429, "throttled"),
        ("api_error", {"status_code": "500"}, 500, "error"),
        ("api_error", {"error": "aborted"}, None, "error"),
        ("api_error", {"status_code": "undefined"}, None, "error"),
        ("api_retries_exhausted", {"status_code": 529}, 529, "error"),
        ("api_refusal", {}, None, "policy-blocked"),
        ("tool_result", {"success": "true"}, None, "success"),
        ("tool_result", {"success": "false", "error": SECRET_TEXT}, None, "error"),
        ("tool_decision", {"decision": "accept"}, None, None),
        ("tool_decision", {"decision": "reject"}, None, "policy-blocked"),
        ("mcp_server_connection", {"status": "connected"}, None, None),
        ("mcp_server_connection", {"status": "failed"}, None, "error"),
        ("user_prompt", {}, None, None),
        ("something_new", {"anything": SECRET_TEXT}, None, None),
    ],
)
def test_outcomes(event: Make, name: str, attributes: dict[str, Any], status: int | None, outcome: str | None) -> None:
    """Of each kind of event, those that are yet to come included; the text of an error is nowhere."""
    made = event(name, **attributes)
    assert (made["status"], made["outcome"]) == (status, outcome)
    assert SECRET_TEXT not in json.dumps(made)
    assert made["attributes"]["event_name"] == f"claude_code.{name}"


BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": SECRET_TEXT + "é😀"}]}, ensure_ascii=False)
UTF_16 = len(BODY) + 1  # as JavaScript counts


@pytest.mark.parametrize(("name", "side"), [("api_request_body", "request"), ("api_response_body", "response")])
def test_a_whole_body(event: Make, name: str, side: str) -> None:
    """Its digest, and which call it belongs to."""
    made = event(name, body=BODY, body_length=str(UTF_16), request_body_id="b-1", model="m")
    assert made[f"{side}_hash"] == digest_payload(BODY.encode(), key=None, text=True).digest
    assert made[f"{side}_bytes"] == len(BODY.encode())
    assert made["attributes"]["request_body_id"] == "b-1"
    assert "truncated" not in made["attributes"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"body": BODY[:30], "body_truncated": "true"}, {"truncated": True}),
        ({"body": BODY[:30], "body_truncated": True}, {"truncated": True}),
        ({"body": BODY[:30]}, {"truncated": True}),
        ({"body": BODY, "body_length": "90000"}, {"truncated": True, "body_length": 90_000}),
        ({"body": BODY.replace(SECRET_TEXT, "<REDACTED>")}, {"sender_redacted": True}),
        ({"body": "{}", "body_withheld": "policy"}, {}),
        ({"body_ref": "/home/somebody/file"}, {}),
    ],
)
def test_a_body_that_is_not_whole(event: Make, attributes: dict[str, Any], said: dict[str, Any]) -> None:
    """No digest of what is not all of it, whether it says so or shows it."""
    made = event("api_request_body", **attributes)
    assert (made["request_hash"], made.get("request_bytes")) == (None, None)
    assert said.items() <= made["attributes"].items()
    assert SECRET_TEXT not in json.dumps(made)
    assert "somebody" not in json.dumps(made)


def test_a_prompt(event: Make) -> None:
    """Digested once, though it comes under two names; withheld, there is nothing to digest; cut, neither."""
    digest = digest_payload(SECRET_TEXT.encode(), key=None, text=True).digest
    assert event("user_prompt", prompt=SECRET_TEXT, prompt_text=SECRET_TEXT)["request_hash"] == digest
    length = str(len(SECRET_TEXT))
    assert event("user_prompt", prompt=SECRET_TEXT, prompt_length=length)["request_hash"] == digest
    assert event("user_prompt", prompt="<REDACTED>", prompt_length=length)["request_hash"] is None
    assert event("user_prompt", prompt=SECRET_TEXT, prompt_length="99999")["attributes"]["truncated"] is True


def test_an_answer(event: Make) -> None:
    """As a response."""
    made = event("assistant_response", response=SECRET_TEXT, response_length=len(SECRET_TEXT), request_id="req_1")
    assert made["response_hash"] == digest_payload(SECRET_TEXT.encode(), key=None, text=True).digest
    assert made["provider_request_id"] == "req_1"


def test_a_tools_input(event: Make) -> None:
    """Digested when it is as large as the tool's input was; it is shortened for export, member by member."""
    given = json.dumps({"command": SECRET_TEXT})
    whole = event("tool_result", tool_input=given, tool_input_size_bytes=str(len(given)), tool_result_size_bytes="7")
    assert whole["request_hash"] == digest_payload(given.encode(), key=None, text=True).digest
    assert (whole["request_bytes"], whole["response_bytes"]) == (len(given), 7)
    cut = event("tool_result", tool_input=given, tool_input_size_bytes="9000")
    assert (cut["request_hash"], cut["request_bytes"], cut["attributes"]["truncated"]) == (None, 9000, True)


def test_a_tools_parameters(event: Make) -> None:
    """Content, but for which server and which tool of it was called."""
    given = json.dumps({"mcp_server_name": "tickets", "mcp_tool_name": "close", "full_command": f"curl -H {PLANTED}"})
    made = event("tool_result", tool_name="mcp_tool", tool_parameters=given)
    assert (made["attributes"]["mcp_server"], made["attributes"]["tool"]) == ("tickets", "close")
    assert made["attributes"]["tool_parameters"]["type"] == "string"
    assert PLANTED not in json.dumps(made)
    assert event("tool_result", tool_parameters="{")["attributes"]["tool_parameters"]["type"] == "string"


def test_without_a_prompt(event: Make) -> None:
    """What happens outside of any prompt has no correlation of its own."""
    made = event("auth", prompt__id="", action="login", success="true")
    assert (made["correlation_id"], made["attributes"]["event_name"]) == (None, "claude_code.auth")


def test_a_body_that_is_no_event_name(writer: Writer, store: MemoryStore) -> None:
    """Another log's text that happens to begin alike is told by its own event name."""
    export(writer, LOGS, log({"event.name": "other"}, body="claude_code.not-an-event with text"))
    (record,) = store.records
    assert record["attributes"]["event_name"] == "other"
    assert record["attributes"]["body"]["type"] == "string"


def test_other_programs_attributes_are_not_read_as_claudes(writer: Writer, store: MemoryStore) -> None:
    """`prompt`, `body` and the like mean something under Claude's scope alone; elsewhere they are unknown."""
    export(writer, SPANS, span({"prompt": SECRET_TEXT, "input_tokens": 5, "success": "false"}), scope="my.app")
    (record,) = store.records
    assert (record["request_hash"], record["outcome"], record.get("tokens")) == (None, "success", None)
    assert record["attributes"]["prompt"]["type"] == "string"
