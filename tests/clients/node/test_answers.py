"""How a call ended, by its answer: an answer with status 200 can report an error."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.clients.answers import CASES, SSE, Case, data
from tests.clients.node.harness import LOG, Endpoint, Project, Server, needs_node

pytestmark = needs_node
_STATUSES = {"/400/content_filter": "policy-blocked", "/400/invalid_request": "error", "/429/rate_limit": "throttled"}


def _chunk(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
    handler.wfile.flush()


def _answer(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    """Answer with the case of the number in the path, or with the status and the error code in the path."""
    first, second = handler.path.split("/")[1:3]
    if second:
        body = json.dumps({"error": {"code": second}}).encode()
        handler.send_response(int(first))
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        return
    case = [*CASES.values()][int(first)]
    handler.send_response(200)
    handler.send_header("content-type", case.mime)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    for chunk in case.chunks:
        _chunk(handler, chunk)
    handler.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def service() -> Iterator[Server]:
    """Yield a service that answers with each case."""
    server = Server(_answer)
    yield server
    server.stop()


def test_answers(project: Project, endpoint: Endpoint, service: Server) -> None:
    """A record holds outcome, code, tokens and end, whatever the provider's form."""
    program = f"""{LOG}
    for (let at = 0; at < {len(CASES)}; at += 1) {{
      const answer = await log.fetchWithLog(`{service.url}/${{at}}/`, {{}}, {{ userId: at }});
      print((await answer.arrayBuffer()).byteLength);
    }}
    print(await log.close());
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [*(len(b"".join(case.chunks)) for case in CASES.values()), True], ran.err
    ends = {event["user_id"]: event for event in endpoint.events if event.get("stream", {}).get("phase") != "start"}
    found = {name: _told(ends[str(at)]) for at, name in enumerate(CASES)}
    assert found == {name: _expected(case) for name, case in CASES.items()}
    assert not [
        event for event in endpoint.events if event.get("stream", {}).get("phase") == "start" and "outcome" in event
    ]
    assert "words" not in json.dumps(endpoint.events)


def _told(event: dict[str, object]) -> tuple[object, ...]:
    attributes, stream = event["attributes"], event.get("stream", {"complete": True})
    assert isinstance(attributes, dict)
    assert isinstance(stream, dict)
    code = attributes.get("error_code", attributes.get("finish_reason"))
    return event.get("outcome"), code, event.get("tokens", {}), stream["complete"], "response_hash" in event


def _expected(case: Case) -> tuple[object, ...]:
    outcome = case.outcome or ("success" if case.complete else None)
    return outcome, case.code, case.tokens, case.complete, case.complete


@pytest.mark.parametrize("path", _STATUSES)
def test_an_error_status(project: Project, endpoint: Endpoint, service: Server, path: str) -> None:
    """The status decides, unless the answer names a policy."""
    program = f"{LOG} await (await log.fetchWithLog('{service.url}{path}')).text(); print(await log.close());"
    assert project.run(program, endpoint.url).values == [True]
    (event,) = endpoint.events
    assert event["outcome"] == _STATUSES[path]


def test_the_programs_own_word(project: Project, endpoint: Endpoint, service: Server) -> None:
    """It is kept, whatever the answer says."""
    at = [*CASES].index("json error")
    call = f"log.fetchWithLog('{service.url}/{at}/', {{}}, {{ outcome: 'success' }})"
    assert project.run(f"{LOG} await (await {call}).text(); print(await log.close());", endpoint.url).values == [True]
    (event,) = endpoint.events
    assert event["outcome"] == "success"


def test_an_agent_that_leaves(project: Project, endpoint: Endpoint) -> None:
    """An SDK raises at the error and closes. A caller that leaves in the middle has no result, so no success."""
    error = data({"error": {"message": "words"}})[0]

    def serve(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        handler.send_response(200)
        handler.send_header("content-type", SSE)
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        for chunk in CASES["chat cut off"].chunks:
            _chunk(handler, chunk)
        if handler.path == "/error":
            _chunk(handler, error)
        for _number in range(400):
            _chunk(handler, b": still here" + b" " * 4000 + b"\n\n")

    service = Server(serve)
    program = f"""{LOG}
    for (const path of ['error', 'left']) {{
      const answer = await log.fetchWithLog('{service.url}/' + path, {{}}, {{ userId: path }});
      for await (const chunk of answer.body) {{ await sleep(200); break; }}
    }}
    print(await log.close());
    """
    try:
        ran = project.run(program, endpoint.url)
    finally:
        service.stop()
    assert ran.values == [True], ran.err
    ends = {event["user_id"]: event for event in endpoint.events if event["stream"]["phase"] == "end"}
    assert (ends["error"].get("outcome"), ends["left"].get("outcome")) == ("error", None)
    assert (ends["error"]["stream"]["complete"], ends["left"]["stream"]["complete"]) == (True, False)


def test_ids_that_are_numbers(project: Project, endpoint: Endpoint, service: Server) -> None:
    """A record's ids become text: from a call, from a context, and from `record`."""
    program = f"""{LOG}
    await (await log.fetchWithLog('{service.url}/0/', {{}}, {{ userId: 40217n, correlationId: 7 }})).text();
    await log.withContext({{ userId: 40217, sessionId: 9007199254740993n }}, () => log.record({{ endpoint: 'a' }}));
    log.record({{ endpoint: 'a', user_id: 40217, correlationId: 3n, deployment_id: 1.5, odd: 1n }});
    print(await log.close());
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [True], ran.err
    events = endpoint.events
    assert {event["user_id"] for event in events} == {"40217"}
    assert {event["correlation_id"] for event in events if "correlation_id" in event} == {"7", "3"}
    assert [event["session_id"] for event in events if "session_id" in event] == ["9007199254740993"]
    assert [event["deployment_id"] for event in events if "deployment_id" in event] == ["1.5"]
