"""What is logged of a call, by the real writer; and that the call is the one that `fetch` would have made."""

import json

import pytest

from audit_core.digest import digest_payload
from audit_core.values import CONTROL
from tests.clients.node.harness import LOG, Endpoint, Project, WriterEndpoint, logged, needs_node
from tests.clients.node.target import ANSWER, EVENTS, LAST_EVENTS, Target

pytestmark = needs_node
EMPTY = digest_payload(b"").digest
STREAM = b"".join([*EVENTS, *LAST_EVENTS])


def test_every_field_of_the_guide(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """The guide's call: all ten fields, both digests, and what the service calls the request."""
    program = f"""
    const body = JSON.stringify({{ model: 'gpt-5.1', messages: ['the customer said'], password: 'hunter2' }});
    const context = {{ agentId: 'sales', userId: 'u_12345', correlationId: 'c9f8e7', sessionId: 's_1',
                       agentVersion: '1.4', deploymentId: 'd_1', attributes: {{ tool: 'pay', step: 3 }} }};
    const options = {{ method: 'post', body, headers: {{ 'content-type': 'application/json' }} }};
    const res = await log.fetchWithLog('{target.url}/v1/charges?key=s3cr3t-in-query#part', options, context);
    print(await res.json());
    """
    ran, records = logged(project, writer, program)
    assert ran.values[0] == ANSWER
    [record] = records
    [seen] = target.seen
    answer = json.dumps(ANSWER).encode()
    assert record["timestamp"].endswith("Z")
    assert record["user_id"] == "u_12345"
    assert record["endpoint"] == f"{target.url}/v1/charges"
    assert (record["method"], record["status"], record["outcome"]) == ("POST", 200, "success")
    assert record["request_hash"] == digest_payload(seen.body).digest
    assert record["response_hash"] == digest_payload(answer).digest
    assert record["correlation_id"] == seen.headers["x-trace-id"] == "c9f8e7"
    assert record["inferred"] == []
    assert (record["request_bytes"], record["response_bytes"]) == (len(seen.body), len(answer))
    assert (record["request_mime"], record["response_mime"]) == ("application/json", "application/json")
    assert record["provider_request_id"] == "req_of_service"
    assert (record["session_id"], record["agent_name"]) == ("s_1", "sales")
    assert (record["agent_version"], record["deployment_id"]) == ("1.4", "d_1")
    assert record["model"] == ANSWER["model"]
    assert record["tokens"] == {"input": 12, "output": 3, "total": 15}
    assert record["duration_ms"] >= record["attributes"]["first_byte_ms"] > 0
    assert (record["attributes"]["tool"], record["attributes"]["step"]) == ("pay", 3)


BODIES = {
    "text": "'the customer said'",
    "form": "new URLSearchParams({ a: '1', b: 'the customer said' })",
    "bytes": "new TextEncoder().encode('the customer said')",
    "part of a buffer": "Buffer.from('xxthe customer saidxx').subarray(2, -2)",
    "array buffer": "new Uint8Array([0, 1, 2, 255]).buffer",
    "blob": "new Blob(['the customer', ' said'], { type: 'text/x-said' })",
    "file in a form": "Object.assign(new FormData(), {}), (() => { const form = new FormData(); form.set('a', '1');"
    " form.set('f', new File(['the customer said'], 'f.txt')); return form; })()",
    "stream": "new Blob(['the customer', ' said']).stream()",
    "iterable": "(async function* () { yield Buffer.from('the customer'); yield Buffer.from(' said'); })()",
    "json with no string": '\'{"a": 1.0, "password": "hunter2"}\'',
    "lone surrogate": "'a\\ud800b'",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("how", ["url", "request"])
def test_any_body(project: Project, writer: WriterEndpoint, target: Target, body: str, how: str) -> None:
    """What arrives at the service is what is digested, whatever it was made of, and the same as with `fetch`."""
    program = f"""
    const options = () => ({{ method: 'POST', body: ({body}), duplex: 'half', headers: {{ 'x-own': 'kept' }} }});
    const url = '{target.url}/echo';
    const input = () => '{how}' === 'url' ? [url, options()] : [new Request(url, options())];
    await (await fetch(...input())).text();
    const res = await log.fetchWithLog(...input());
    print((await res.arrayBuffer()).byteLength);
    """
    ran, [record] = logged(project, writer, program)
    plain, seen = target.seen
    assert record["request_hash"] == digest_payload(seen.body).digest
    assert record["request_bytes"] == ran.values[0] == len(seen.body)
    assert record["response_hash"] == record["request_hash"]
    if "Form" not in body:  # a form's boundary is random
        assert plain.body == seen.body
        assert plain.headers.get("content-type") == seen.headers.get("content-type")
    sent_type = seen.headers.get("content-type")
    if "'{" in body and how == "url":  # what `fetch` calls text, as nobody told it better, is told from text
        assert record["request_mime"] == "application/json"
    else:
        assert record["request_mime"] == (sent_type or "application/octet-stream").partition(";")[0]
    assert {*seen.headers} - {"x-trace-id"} == {*plain.headers}
    assert plain.headers.get("content-length") == seen.headers.get("content-length")


def test_get_without_anything(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """No options, no context: an empty request has the digest of nothing, and a correlation id of its own."""
    _, [record] = logged(project, writer, f"await (await log.fetchWithLog(new URL('{target.url}/x'))).text();")
    assert (record["method"], record["request_hash"], record["request_bytes"]) == ("GET", EMPTY, 0)
    assert record["correlation_id"] == target.seen[0].headers["x-trace-id"]
    assert record["user_id"] is None
    assert "request_mime" not in record


def test_what_calls_nothing(project: Project, writer: WriterEndpoint) -> None:
    """Data in an address, as an SDK tries what its `fetch` can do, is no call."""
    program = """
    for (const url of ['data:text/plain,a', new Request('data:,b'), URL.createObjectURL(new Blob(['c']))]) {
      print(await (await log.fetchWithLog(url)).text());
    }
    """
    ran, records = logged(project, writer, program)
    assert (ran.values[:3], records) == (["a", "b", "c"], [])


@pytest.mark.parametrize(
    ("status", "outcome"), [(204, "success"), (304, "success"), (404, "error"), (429, "throttled"), (500, "error")]
)
def test_status(project: Project, writer: WriterEndpoint, target: Target, status: int, outcome: str) -> None:
    """A record says how it went, also when nobody reads the body."""
    program = f"print((await log.fetchWithLog('{target.url}/status/{status}')).status); await sleep(100);"
    ran, [record] = logged(project, writer, program)
    assert ran.values[0] == record["status"] == status
    assert record["outcome"] == outcome
    body = b"" if status in {204, 304} else b'{"error":"no"}'
    assert record["response_hash"] == digest_payload(body).digest
    assert record["attributes"].get("retry_after_ms") == (7000 if status == 429 else None)


def test_head(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """A HEAD has no body, whatever its length says."""
    _, [record] = logged(
        project, writer, f"await log.fetchWithLog('{target.url}/x', {{ method: 'HEAD' }}); await sleep(50);"
    )
    assert (record["method"], record["status"], record["response_bytes"]) == ("HEAD", 200, 0)


def test_stream(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """A stream is two records with one id; its chunks' digests are of the body so far."""
    program = f"""
    const options = {{ method: 'POST', body: '{{"model":"gpt-5.1","stream":true}}' }};
    const res = await log.fetchWithLog('{target.url}/events', options, {{ userId: 'u_1' }});
    let size = 0;
    for await (const chunk of res.body) size += chunk.length;
    print(size);
    """
    ran, [start, end] = logged(project, writer, program)
    assert ran.values[0] == len(STREAM)
    assert start["stream"] == {"id": end["stream"]["id"], "phase": "start"}
    assert (start["response_hash"], start["outcome"], start["user_id"]) == (None, None, "u_1")
    assert end["response_hash"] == digest_payload(STREAM).digest
    assert end["request_hash"] == start["request_hash"] == digest_payload(target.seen[0].body).digest
    assert (end["stream"]["phase"], end["stream"]["complete"], end["stream"]["bytes"]) == ("end", True, len(STREAM))
    assert end["stream"]["chunk_digests"][-1] == digest_payload(STREAM).digest
    assert end["correlation_id"] == start["correlation_id"]
    assert (end["model"], end["tokens"]) == ("gpt-5.1", {"input": 7, "output": 40})


@pytest.mark.parametrize("path", ["/events/cut", "/cut"])
def test_cut(project: Project, writer: WriterEndpoint, target: Target, path: str) -> None:
    """A body that breaks off is an error, has no digest, and the caller sees the very error."""
    program = f"""
    const seen = [];
    for (const call of [fetch, log.fetchWithLog]) {{
      try {{
        await (await call('{target.url}{path}')).text();
      }} catch (error) {{
        seen.push([error.name, error.message, error.cause?.code]);
      }}
    }}
    print(seen);
    """
    ran, records = logged(project, writer, program)
    plain, ours = ran.values[0]
    assert plain == ours
    end = records[-1]
    assert (end["status"], end["outcome"], end["response_hash"]) == (200, "error", None)
    assert end["stream"]["complete"] is False
    assert end["attributes"]["error_type"] == "TypeError"
    assert end["attributes"]["truncated"] is True
    assert len(records) == (2 if "events" in path else 1)


def test_errors(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Refused, timed out, aborted before and in the middle: rethrown as they are, logged as what they are."""
    closed = Endpoint()
    closed.stop()
    program = f"""
    const reason = new Error('the customer said');
    const aborted = new AbortController();
    const calls = [
      ['{closed.url}/a?key=s3cr3t-in-query'],
      ['{target.url}/silent', {{ signal: AbortSignal.timeout(50) }}],
      ['{target.url}/x', {{ signal: AbortSignal.abort(reason) }}],
      ['{target.url}/events/silent', {{ signal: aborted.signal }}],
      ['http://user:hunter2@127.0.0.1/', {{ method: 'POST', body: '{{}}' }}],
    ];
    for (const [url, options] of calls) {{
      try {{
        const res = await log.fetchWithLog(url, options);
        setTimeout(() => aborted.abort(), 50);
        await res.text();
      }} catch (error) {{
        print([error.name, error.cause?.code, error === reason]);
      }}
    }}
    """
    ran, records = logged(project, writer, program)
    assert [value[0] for value in ran.values[:5]] == ["TypeError", "TimeoutError", "Error", "AbortError", "TypeError"]
    assert ran.values[0][1] == "ECONNREFUSED"
    assert ran.values[2][2] is True
    refused, silent, before, start, end, never = records
    assert all(record["outcome"] == "error" for record in (refused, silent, before, end, never))
    assert all(record["status"] is None for record in (refused, silent, before, never))
    assert refused["attributes"]["error_code"] == "ECONNREFUSED"
    assert refused["endpoint"] == f"{closed.url}/a"
    assert silent["attributes"]["error_type"] == "TimeoutError"
    assert (start["stream"]["phase"], end["stream"]["phase"], end["stream"]["complete"]) == ("start", "end", False)
    assert end["attributes"]["error_type"] == "AbortError"
    assert never["endpoint"] == "http://127.0.0.1/"


def test_given_up(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Who stops reading before the end has a record that says so; after the last event there is nothing to miss."""
    program = f"""
    for await (const chunk of (await log.fetchWithLog('{target.url}/events/silent')).body) break;
    let text = '';
    for await (const chunk of (await log.fetchWithLog('{target.url}/events')).body) {{
      text += Buffer.from(chunk);
      if (text.includes('[DONE]')) break;
    }}
    """
    _, records = logged(project, writer, program)
    ends = [record for record in records if record["stream"]["phase"] == "end"]
    assert [end["stream"]["complete"] for end in ends] == [False, True]
    assert [end["outcome"] for end in ends] == [None, "success"]
    assert [end["response_hash"] for end in ends] == [None, digest_payload(STREAM).digest]


ENDS = {
    "exit": "process.exit(3);",
    "error": "throw new Error('end');",
    "rejection": "void Promise.reject(new Error('end'));",
    "own handler": "process.on('SIGTERM', () => process.exit(3));"
    " process.kill(process.pid, 'SIGTERM'); await sleep(9000);",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_program_that_ends_at_once(project: Project, writer: WriterEndpoint, target: Target, end: str) -> None:
    """What it called is on disk when it is gone, be it answered, in the middle of its body or not answered at all."""
    program = f"""
    void log.fetchWithLog('{target.url}/silent');
    const call = {{ method: 'POST', body: 'the customer said' }};
    const stream = await log.fetchWithLog('{target.url}/events/silent', {{}}, {{ userId: 'u_1' }});
    await stream.body.getReader().read();
    await (await log.fetchWithLog('{target.url}/echo', call)).text();
    {end}
    """
    ran = project.run(f"{LOG}{program}", writer.url)
    assert ran.code != 0
    assert project.files
    _, [silent, start, cut, said] = logged(project, writer, "")
    assert (silent["status"], silent["outcome"], silent["attributes"]["error_type"]) == (None, "error", "ProcessExit")
    assert (start["stream"]["phase"], cut["stream"]["complete"], cut["user_id"]) == ("start", False, "u_1")
    assert said["request_hash"] == said["response_hash"] == digest_payload(b"the customer said").digest


def test_nothing_is_worked_out_on_the_calls_path(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """The caller has its answer before anything of it is digested or written."""
    program = f"""
    const {{ default: fs }} = await import('node:fs');
    await (await log.fetchWithLog('{target.url}/x')).text();
    await sleep(50);
    const work = [];
    const {{ writeSync }} = fs;
    fs.writeSync = (...all) => (work.push('write'), writeSync(...all));
    const {{ parse }} = JSON;
    JSON.parse = (text) => (work.push('parse'), parse(text));
    const answered = log.fetchWithLog('{target.url}/x', {{ method: 'POST', body: '{{"a": 1}}' }});
    const asked = [...work];
    const response = await answered;
    await response.arrayBuffer();
    const read = [...work];
    await sleep(50);
    print([asked, read, work]);
    """
    ran, _ = logged(project, writer, program)
    asked, read, work = ran.values[0]
    assert (asked, work) == ([], ["parse", "parse", "write"])
    assert "write" not in read


def test_by_hand(project: Project, writer: WriterEndpoint) -> None:
    """A record made by hand has digests of what it was given, and none of that."""
    program = """
    log.record({ endpoint: 'https://u:hunter2@api.stripe.com/v1/charges?key=s3cr3t-in-query', method: 'POST',
                 status: 200, userId: 'u_1', correlation_id: 'c1',
                 request: { a: 1, password: 'hunter2' }, response: 'the customer said' });
    log.record({ endpoint: 'api.stripe.com/v1/x?key=s3cr3t-in-query', outcome: 'policy-blocked',
                 request: new Uint8Array([1, 2]), attributes: { policy: 'no-refunds' } });
    log.record(null);
    """
    _, [first, second] = logged(project, writer, program)
    assert first["endpoint"] == "https://api.stripe.com/v1/charges"
    assert (first["user_id"], first["correlation_id"]) == ("u_1", "c1")
    assert first["request_hash"] == digest_payload(b'{"a":1,"password":"x"}').digest
    assert first["response_hash"] == digest_payload(b"the customer said").digest
    assert (second["endpoint"], second["outcome"]) == ("api.stripe.com/v1/x", "policy-blocked")
    assert second["attributes"]["policy"] == "no-refunds"
    assert second["request_bytes"] == 2


def test_attributes_that_json_cannot_say(project: Project, writer: WriterEndpoint) -> None:
    """They are left out; the event is not."""
    program = """
    const circle = [];
    circle.push(circle);
    log.record({ endpoint: 'a.example', attributes: { step: 3, big: 1n, circle, made() {} } });
    """
    _, [record] = logged(project, writer, program)
    assert record["attributes"].pop("id")
    assert record["attributes"] == {"step": 3}


def test_what_the_log_refuses_is_not_sent(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """A call is logged, without a user whose name holds a character for which the log would refuse the event."""
    refused = [code for code in range(0x10000) if CONTROL.search(chr(code))]
    program = f"""
    for (const code of {refused}) {{
      await log.fetchWithLog('{target.url}/v1/x', {{}}, {{ userId: `u${{String.fromCodePoint(code)}}1` }});
    }}
    """
    _, records = logged(project, writer, program)
    assert [record["user_id"] for record in records] == [None] * len(refused)


def test_ambiguous_json_has_no_digest(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Its secrets would be in it; the record says why there is none."""
    program = f"""
    const body = '{{"password":"hunter2","password":1}}';
    const res = await log.fetchWithLog('{target.url}/echo', {{ method: 'POST', body }});
    await res.text();
    """
    _, [record] = logged(project, writer, program)
    assert (record["request_hash"], record["response_hash"]) == (None, None)
    assert record["request_bytes"] == len(target.seen[0].body)
    assert record["attributes"]["request_undigestible"] == "has an object with the same key twice"


def test_keyed(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """With a key of the agent's own, every digest is keyed."""
    program = f"""
    const digestKey = {{ id: 'own-1', key: Buffer.alloc(32, 7) }};
    const keyed = createAuditLog({{ digestKey, endpointDetail: 'domain' }});
    await (await keyed.fetchWithLog('{target.url}/echo', {{ method: 'POST', body: 'x' }})).text();
    await keyed.close();
    let refused = false;
    try {{ createAuditLog({{ digestKey: {{ id: 'own', key: Buffer.alloc(8) }} }}); }} catch {{ refused = true; }}
    print(refused);
    """
    ran, [record] = logged(project, writer, program)
    assert ran.values[0] is True
    assert record["request_hash"] == record["response_hash"]
    assert str(record["request_hash"]).startswith("hmac-sha256:own-1:")
    assert record["endpoint"] == "127.0.0.1"
