"""The Node client: what `fetchWithLog` adds to a loopback call.

`fetch` and `fetchWithLog` call a service in another process, in turns of twenty calls each: so what the client leaves
for later falls on its own calls, as far as it falls on any. It is measured twice: with a moment between the calls, as
an agent that waits for a model has one, and without, where that work is in the next call's way.
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
import { spawn } from 'node:child_process';
import http from 'node:http';

const [, program, client, spool, rounds, size, port] = process.argv;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const answer = JSON.stringify({ id: 'chatcmpl-1', choices: [{ message: { content: 'x'.repeat(size) } }] });
const body = JSON.stringify({ model: 'gpt-5.1', messages: [{ role: 'user', content: 'y'.repeat(size) }] });
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));

async function serve() {
  const service = http.createServer((request, response) => {
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end(answer));
  });
  console.log(await listen(service));
}

async function measure() {
  const child = spawn(process.execPath, [program, client, spool, rounds, size, 'serve'], { stdio: ['pipe', 'pipe'] });
  const url = `http://127.0.0.1:${Number(await new Promise((done) => child.stdout.once('data', done)))}/v1/chat`;
  const log = http.createServer((request, response) => {
    let lines = 0;
    request.on('data', (chunk) => { for (const byte of chunk) if (byte === 10) lines += 1; });
    const stored = () => Array.from({ length: lines + 1 }, (_, index) => ({ index }));
    request.on('end', () => response.end(JSON.stringify({ stored: stored(), refused: [] })));
  });
  const { createAuditLog } = await import(client);
  const audit = createAuditLog({ endpoint: `http://127.0.0.1:${await listen(log)}`, token: 'aal_bench', spool });
  const options = { method: 'POST', body, headers: { 'content-type': 'application/json' } };
  const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
  const added = async (between) => {
    const differences = [];
    for (let round = 0; round < rounds / 40; round += 1) {
      const medians = [];
      for (const call of [fetch, audit.fetchWithLog]) {
        const times = [];
        for (let turn = 0; turn < 20; turn += 1) {
          const started = performance.now();
          await (await call(url, options)).json();
          times.push(performance.now() - started);
          if (between) await pause(1);
        }
        medians.push(median(times));
      }
      if (round >= Math.floor(rounds / 200)) differences.push(medians[1] - medians[0]);
    }
    return median(differences);
  };
  const [alone, crowded] = [await added(true), await added(false)];
  console.log(JSON.stringify({ alone, crowded, delivered: await audit.close() }));
  child.kill();
  process.exit();
}

await (port === 'serve' ? serve() : measure());
"""


def rows(*, quick: bool) -> list[Row]:
    """Measure. Raises `BenchmarkError` when a record of a call is not delivered."""
    node = shutil.which("node")
    if node is None:
        return []
    small = _added(node, size=_SMALL, rounds=40 if quick else 2400)
    large = _added(node, size=_LARGE, rounds=40 if quick else 2400)
    # With `--quick` a figure may be below nothing: so few calls tell noise.
    return [
        Row(name="Node client, added to a call, p50", value=max(0.0, small["alone"]), unit="ms", goal=at_most(GOAL_MS)),
        Row(
            name=f"Node client, added to a call of {_LARGE // 1000} KB each way, p50",
            value=max(0.0, large["alone"]),
            unit="ms",
            goal=at_most(GOAL_MS),
        ),
        Row(
            name=f"Node client, added to each of many calls of {_LARGE // 1000} KB without a pause, p50",
            value=max(0.0, large["crowded"]),
            unit="ms",
        ),
    ]


def _added(node: str, *, size: int, rounds: int) -> dict[str, float]:
    """Return by how many milliseconds the median call takes longer, with bodies of `size` characters."""
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
    return {name: float(measured[name]) for name in ("alone", "crowded")}
