"""`make demo`: a call is logged, cannot be deleted, is sealed; one byte of a copy is flipped, and it shows.

Guarantees: real commands print every line, over the local cloud, which it starts if needed; it exits with 0 only if
each step went as it must. It changes nothing in the local cloud but for the call that is logged. The agent is OpenAI's
own client, in an environment of its own; a line announces what that downloads.
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from botocore.exceptions import ClientError

from audit_core.layout import RECORDS, holds_record, marker_key
from cli.connection import Connection, Deployment
from components.package import ensure_wheels
from localcloud import emulator as emulators
from localcloud import kits, place, stack_config
from localcloud.dependencies import SetUpError
from localcloud.deploy import deploy
from localcloud.telling import say
from localcloud.up import ONE_LINE, fail

_CLIENT: Final = place.ROOT / "clients" / "python" / "src"
_PATIENCE: Final = 60.0
_REPLY: Final = {
    "id": "chatcmpl-demo",
    "object": "chat.completion",
    "created": 0,
    "model": "demo-model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It left today."}}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
}
_AGENT: Final = """\
import sys
from audit_log_client import AuditLog
from openai import OpenAI

with AuditLog() as log, log.correlation(sys.argv[1]):
    client = OpenAI(http_client=log.http_client())
    answer = client.chat.completions.create(
        model="demo-model", messages=[{"role": "user", "content": "Where is my order?"}])
    print(answer.choices[0].message.content)
    sys.exit(0 if log.flush(30) else 1)
"""


class DemoError(Exception):
    """A step went wrong."""


def main() -> int:
    """Run; return the exit code."""
    try:
        with place.alone(), tempfile.TemporaryDirectory() as folder:
            demo(Path(folder))
    except KeyboardInterrupt:
        return fail("interrupted")
    except (*ONE_LINE, DemoError, SetUpError, OSError) as error:
        return fail(str(error))
    return 0


def demo(folder: Path) -> None:
    """Show every step. Raise what `main` turns into a line."""
    ensure_wheels("local")
    python = kits.DEMO.bring()
    emulator = emulators.start(state_dir=place.EMULATOR)
    say(f"Local cloud  {emulator.url}")
    deployed = deploy(emulator, config=stack_config.read(place.STACK_FILE), folder=place.FOLDER)
    deployment = Deployment.from_outputs(deployed.outputs)
    correlation = f"demo-{secrets.token_hex(4)}"

    name = deployment.first_agent
    _title(
        f"1. Agent {name} calls a model with OpenAI's own client, logged by ours (a stand-in on this machine answers)"
    )
    agent = folder / "agent.py"
    agent.write_text(_AGENT, encoding="utf-8")
    for line in _AGENT.splitlines():
        say(_styled(f"  {line}", "2"))
    with _model() as url:
        environment = {
            "AUDIT_LOG_ENDPOINT": deployment.endpoint,
            "AUDIT_LOG_TOKEN": deployment.tokens[name],
            "AUDIT_LOG_SPOOL": str(folder / "spool"),
            "OPENAI_API_KEY": "sk-of-nobody",
            "OPENAI_BASE_URL": f"{url}/v1",
            "PYTHONPATH": str(_CLIENT),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        }
        _run([str(python), str(agent), correlation], shown=f"python agent.py {correlation}", environment=environment)

    _title("2. Its record: who called what, when, with what result; the prompt itself is nowhere")
    found = _audit_log("find", correlation, "--json")
    record_id = json.loads(found.splitlines()[0])["record_id"]
    if "Where is my order" in found:
        raise DemoError("the prompt is in the record")

    _title(
        "3. Deleting it is refused, to the account's root too; only an explicit bypass of governance mode would do it"
    )
    with Connection(deployment) as connection:
        key, version = _object(connection, deployment, record_id)
        try:
            connection.client("s3").delete_object(Bucket=deployment.bucket, Key=key, VersionId=version)
        except ClientError as error:
            say(f"  delete {key}\n  {error.response['Error']['Code']}: {error.response['Error']['Message']}")
        else:
            raise DemoError("the record was deleted")

        _title("4. The sealer makes it a part of the sealed log (it runs every few minutes; now, as we ask it to)")
        copy, public_key = folder / "copy", folder / "log.key"
        _seal(connection, deployment, key)

    _title("5. A copy of everything, and the public key: everything that an auditor needs")
    public_key.write_text(_audit_log("verify", "key"), encoding="utf-8")
    _audit_log("verify", "copy", str(copy))
    trusted = ("--dir", str(copy), "--public-key", str(public_key))
    _audit_log("verify", "log", *trusted)

    _title("6. Somebody flips one byte of the copy")
    stored = copy / key
    good = stored.read_bytes()
    stored.write_bytes(good[: len(good) // 2] + bytes((good[len(good) // 2] ^ 1,)) + good[len(good) // 2 + 1 :])
    if record_id not in _audit_log("verify", "log", *trusted, code=1):
        raise DemoError("the record whose byte was flipped is not named")
    stored.write_bytes(good)

    _title("7. A proof that the record is in the log, for somebody who has neither the log nor an account")
    proof = folder / "record.tlog-proof"
    _audit_log("verify", "prove", record_id, *trusted, "--out", str(proof))
    _audit_log("verify", "proof", str(proof), "--public-key", str(public_key))
    say("\nThat was all of it. `make up` prints what to paste into an agent; `make down` forgets everything here.")


@contextmanager
def _model() -> Iterator[str]:
    """Yield the URL of a server on this machine that answers as a model's API does."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = json.dumps(_REPLY).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the inherited name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _object(connection: Connection, deployment: Deployment, record_id: str) -> tuple[str, str]:
    """Return the key and version of the object that holds a record."""
    auditor = connection.client("s3", role_arn=deployment.auditor_role_arn)
    for page in auditor.get_paginator("list_object_versions").paginate(Bucket=deployment.bucket, Prefix=RECORDS):
        for row in page.get("Versions", ()):
            if holds_record(str(row["Key"]), record_id):
                return str(row["Key"]), str(row["VersionId"])
    raise DemoError("the record's object is not in the bucket")


def _seal(connection: Connection, deployment: Deployment, key: str) -> None:
    """Ask the sealer to run until the object is sealed."""
    functions = connection.client("lambda", role_arn=connection.administrator_arn)
    auditor = connection.client("s3", role_arn=deployment.auditor_role_arn)
    marker = marker_key(key)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        reply = functions.invoke(FunctionName=deployment.sealer_function_name, Payload=json.dumps({"task": "seal"}))
        said = reply["Payload"].read().decode()
        if auditor.list_objects_v2(Bucket=deployment.bucket, Prefix=marker).get("KeyCount"):
            say(f"  {said}")
            return
        time.sleep(1)
    raise DemoError("the record was not sealed within a minute")


def _audit_log(*arguments: str, code: int = 0) -> str:
    return _run([sys.executable, "-m", "cli.main", *arguments], shown=f"audit-log {' '.join(arguments)}", code=code)


def _run(command: Sequence[str], *, shown: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
    """Run a command, show it and what it prints. Raise DemoError if its exit code is not `code`."""
    say(_styled(f"  $ {shown}", "1"))
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=place.ROOT, timeout=2 * _PATIENCE,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    for line in (done.stdout + done.stderr).splitlines():
        say(_styled(f"  {line}", "31" if line.startswith(("tampering", "NOT")) else "32" if "verified" in line else ""))
    if done.returncode != code:
        raise DemoError(f"{shown.split(' ', maxsplit=1)[0]} ended with {done.returncode}, and not with {code}")
    return done.stdout


def _title(text: str) -> None:
    say("\n" + _styled(text, "1;36"))


def _styled(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style and sys.stdout.isatty() else text


if __name__ == "__main__":
    sys.exit(main())
