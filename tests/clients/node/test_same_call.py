"""The call is the one that `fetch` would have made, whatever the log is given and whoever reads the answer."""

import json

import pytest

from audit_core.digest import digest_payload
from tests.clients.endpoints import BAD, GOOD
from tests.clients.node.harness import Endpoint, Project, WriterEndpoint, logged, needs_node
from tests.clients.node.target import ANSWER, LARGE, Target

pytestmark = needs_node


def test_the_response_is_the_same(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Everything that a response has, twice: once from `fetch`, once from ours."""
    program = f"""
    const look = async (res) => {{
      const copy = res.clone();
      const text = await res.text();
      const {{ url, redirected, type, status, statusText, ok, bodyUsed }} = res;
      const headers = [...res.headers].filter(([name]) => name !== 'date');
      const again = [copy.url, await copy.clone().text(), await copy.json()];
      return [res instanceof Response, url, redirected, type, status, statusText, ok, bodyUsed, headers, text, again];
    }};
    for (const path of ['/x', '/redirect', '/status/404']) {{
      const [plain, ours] = [await fetch('{target.url}' + path), await log.fetchWithLog('{target.url}' + path)];
      print([await look(plain), await look(ours)]);
    }}
    const byob = (await log.fetchWithLog('{target.url}/x')).body.getReader({{ mode: 'byob' }});
    print((await byob.read(new Uint8Array(7))).value.length);
    await byob.cancel();
    """
    ran, records = logged(project, writer, program)
    for plain, ours in ran.values[:3]:
        assert plain == ours
    assert ran.values[3] == 7
    assert records[1]["attributes"]["target"] == f"{target.url}/moved"
    assert records[1]["endpoint"] == f"{target.url}/redirect"


def test_nobody_reads(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """A large body that nobody reads is not read for them: its record comes with the end of the log."""
    program = f"""
    const kept = await log.fetchWithLog('{target.url}/large');
    await sleep(200);
    """
    _, [record] = logged(project, writer, program)
    assert (record["status"], record["response_hash"]) == (200, None)
    assert record["stream"]["complete"] is False
    assert 0 < record["response_bytes"] < len(LARGE)


def test_forgotten(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Of responses that are forgotten unread, the connections are closed and the records made."""
    program = f"""
    for (let i = 0; i < 3; i += 1) await log.fetchWithLog('{target.url}/large');
    for (let i = 0; i < 50; i += 1) {{ gc(); await sleep(10); }}
    await log.flush();
    """
    before = writer.records
    ran = project.run(
        f"import v8 from 'node:v8'; import vm from 'node:vm'; v8.setFlagsFromString('--expose-gc');"
        f"const gc = vm.runInNewContext('gc'); const log = createAuditLog();{program}print(1); process.exit(0);",
        writer.url,
    )
    assert (before, ran.values) == ([], [1]), ran.err
    assert len(writer.records) >= 2  # the last one may still be on the stack


def test_slow_reader_is_not_overrun(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """All of a large body arrives, however slowly it is read, and is digested as a whole."""
    program = f"""
    const res = await log.fetchWithLog('{target.url}/large');
    let size = 0;
    for await (const chunk of res.body) {{ size += chunk.length; if (size < 400000) await sleep(5); }}
    print(size);
    """
    ran, [record] = logged(project, writer, program)
    assert ran.values[0] == len(LARGE)
    assert record["response_hash"] == digest_payload(LARGE).digest


def test_context(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """A context around a piece of work reaches every call in it, and no other; headers of the caller's own are kept."""
    program = f"""
    const call = async (options, context) => (await log.fetchWithLog('{target.url}/x', options, context)).text();
    await Promise.all([
      log.withContext({{ userId: 'u_1', correlationId: 'flow-1' }}, async () => {{ await sleep(20); await call(); }}),
      log.withContext({{ userId: 'u_2', correlationId: 'flow-2' }}, () => call({{}}, {{ userId: 'u_3' }})),
    ]);
    await call({{ headers: {{ 'X-Trace-ID': 'their-own' }} }});
    const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await call({{ headers: [['traceparent', trace], ['x-correlation-id', 'given']] }});
    await call({{}}, {{ correlationId: 'nicht für Köpfe' }});
    """
    env = {"AUDIT_LOG_USER": "u_env"}
    _, records = logged(project, writer, program, env)
    found = {(record["user_id"], record["correlation_id"]) for record in records}
    expected = {("u_1", "flow-1"), ("u_3", "flow-2"), ("u_env", "their-own"), ("u_env", "given")}
    assert found == expected | {("u_env", "nicht für Köpfe")}
    sent = [seen.headers.get("x-trace-id") for seen in target.seen]
    assert {*sent} == {"flow-1", "flow-2", "their-own", "given", None}
    traced = next(record for record in records if record["correlation_id"] == "given")
    assert (traced["trace_id"], traced["span_id"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


def test_in_the_place_of_fetch(project: Project, writer: WriterEndpoint, target: Target) -> None:
    """Put in the place of the global `fetch` it logs every call once, and itself not at all."""
    program = f"""
    globalThis.fetch = fetchWithLog;
    print(await (await fetch('{target.url}/x')).json());
    """
    ran = project.run(program, writer.url)
    assert ran.values == [ANSWER], ran.err
    [record] = writer.records
    assert record["status"] == 200


@pytest.mark.parametrize(
    "env",
    [
        {"AUDIT_LOG_TOKEN": ""},
        {"AUDIT_LOG_ENDPOINT": "no address"},
        {"AUDIT_LOG_ENDPOINT": "http://example.com"},
        {"AUDIT_LOG_TOKEN": "two words"},
    ],
)
def test_unusable_settings(project: Project, target: Target, env: dict[str, str]) -> None:
    """Without an endpoint the calls go on, and one warning says that nothing is logged; no token is in it."""
    program = f"for (const _ of [1, 2]) print((await fetchWithLog('{target.url}/x')).status);"
    ran = project.run(program, "http://127.0.0.1:9", env)
    assert ran.values == [200, 200]
    assert ran.err.count("nothing is logged") == 1
    assert "two words" not in ran.err
    assert "x-trace-id" not in target.seen[0].headers


def test_what_is_an_endpoint(project: Project) -> None:
    """A token is never sent without TLS, nor to another host than the address shows."""
    program = f"""
    for (const endpoint of {json.dumps([*GOOD, *BAD])}) {{
      const warnings = [];
      const onWarning = (warning) => warnings.push(warning);
      const log = createAuditLog({{ endpoint, token: 'aal_x', onWarning }});
      print([endpoint, warnings.length === 0, warnings.join().includes('other.example')]);
      await log.close(0);
    }}
    """
    ran = project.run(program, "")
    assert ran.values == [[endpoint, endpoint in GOOD, False] for endpoint in [*GOOD, *BAD]], ran.err


def test_nothing_in_here_breaks_a_call(project: Project, endpoint: Endpoint, target: Target) -> None:
    """Whatever is wrong with what the log is given, the call is made, or fails as `fetch` does."""
    program = f"""
    const broken = {{ get userId() {{ throw new Error('broken context'); }} }};
    const circular = {{}}; circular.self = circular;
    const log = createAuditLog({{ onWarning() {{ throw new Error('broken listener'); }} }});
    const odd = [broken, null, 'text', 7, {{ userId: 5, attributes: circular }}, {{ correlationId: '\\n' }}];
    for (const context of odd) {{
      print((await log.fetchWithLog('{target.url}/x', undefined, context)).status);
    }}
    for (const [url, options] of [['/relative'], [undefined], ['{target.url}', {{ headers: {{ 'a b': 'c' }} }}],
        ['{target.url}', {{ method: 'GET', body: 'x' }}], ['{target.url}', {{ method: 7 }}], ['data:text/plain,hi']]) {{
      const seen = [];
      for (const call of [fetch, log.fetchWithLog]) {{
        await call(url, options).then((res) => seen.push(res.status), (error) => seen.push(error.name + error.message));
      }}
      print(seen[0] === seen[1] || seen);
    }}
    """
    ran = project.run(program, endpoint.url)
    assert ran.values == [200] * 6 + [True] * 6, ran.err
