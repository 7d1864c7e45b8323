"""The Node client: what `fetchWithLog` adds to a loopback call.

`fetch` and `fetchWithLog` make the same call in turns, so that whatever else the machine does hits both alike. Nothing
where Node is not installed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.measure import ROOT, BenchmarkError, Row, at_most

GOAL_MS: Final = 0.3
_CLIENT: Final = ROOT / "clients" / "node" / "audit-log.mjs"
_SMALL: Final = 200
_LARGE: Final = 10_000
_SECONDS: Final = 120
_PROGRAM = """
import http from 'node:http';

const { createAuditLog } = await import(process.argv[2]);
const [rounds, size] = [Number(process.argv[4]), Number(process.argv[5])];
const answer = JSON.stringify({ id: 'chatcmpl-1', choices: [{ message: { content: 'x'.repeat(size) } }] });
const body = JSON.stringify({ model: 'gpt-5.1', messages: [{ role: 'user', content: 'y'.repeat(size) }] });
const service = http.createServer((request, response) => {
  request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(answer));
});
const log = http.createServer((request, response) => {
  let lines = 0;
  request.on('data', (chunk) => { for (const byte of chunk) if (byte === 10) lines += 1; });
  const stored = () => Array.from({ length: lines + 1 }, (_, index) => ({ index }));
  request.on('end', () => response.end(JSON.stringify({ stored: stored(), refused: [] })));
});
await Promise.all([service, log].map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))));
const address = (server) => `http://127.0.0.1:${server.address().port}`;
const audit = createAuditLog({ endpoint: address(log), token: 'aal_bench', spool: process.argv[3] });
const options = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
const times = { plain: [], logged: [] };
for (let round = 0; round < rounds; round += 1) {
  for (const [name, call] of [['plain', fetch], ['logged', audit.fetchWithLog]]) {
    const started = performance.now();
    await (await call(address(service) + '/v1/chat', options)).json();
    if (round >= rounds / 5) times[name].push(performance.now() - started);
  }
}
const [plain, logged] = Object.values(times).map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
console.log(JSON.stringify({ plain, logged, delivered: await audit.close() }));
process.exit();
"""


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a record of a call is not delivered."""
    node = shutil.which("node")
    if node is None:
        return []
    small = _added(node, size=_SMALL, rounds=20 if quick else 3000)
    large = _added(node, size=_LARGE, rounds=20 if quick else 1500)
    # With `--quick` a figure may be below nothing: so few calls tell noise.
    return [
        Row(name="Node client, added to a call, p50", value=max(0.0, small), unit="ms", goal=at_most(GOAL_MS)),
        Row(
            name=f"Node client, added to a call of {_LARGE // 1000} KB each way, p50", value=max(0.0, large), unit="ms"
        ),
    ]


def _added(node: str, *, size: int, rounds: int) -> float:
    """By how many milliseconds the median call takes longer, its bodies having `size` characters."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "program.mjs"
        program.write_text(_PROGRAM, "utf-8")
        command = [node, program, _CLIENT, folder, str(rounds), str(size)]
        try:
            ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise BenchmarkError(f"the Node program failed ({type(error).__name__})") from error
    measured = json.loads(ran.stdout)
    if not measured["delivered"]:
        raise BenchmarkError("the Node client did not deliver a record")
    added: float = measured["logged"] - measured["plain"]
    return added
