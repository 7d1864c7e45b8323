"""Import Pulumi's SDK once, then fork a program for each client. Arguments: the socket's path, the engine's entry.py.

A fork is safe here: gRPC starts its threads with the first channel, which only a program opens.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Callable

SDK = (
    "pulumi_aws", "pulumi_aws.cloudtrail", "pulumi_aws.cloudwatch", "pulumi_aws.iam", "pulumi_aws.kms",
    "pulumi_aws.lambda_", "pulumi_aws.s3", "pulumi_aws.servicequotas", "pulumi_aws.sns", "pulumi_aws.sqs",
    "pulumi_aws.ssm", "pulumi_random",
)  # fmt: skip


def main(address: str, entry: str) -> None:
    """Serve until this process is ended."""
    for name in SDK:
        importlib.import_module(name)
    run = runpy.run_path(entry, run_name="entry")["main"]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how the watchers ended
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)  # noqa: T201 - the parent waits for it
        while True:
            client, _ = listener.accept()
            with client:
                if os.fork() == 0:
                    listener.close()
                    watch(client, run)
                    os._exit(0)


def watch(client: socket.socket, run: Callable[[], int]) -> None:
    """Fork the program, tell the client how it ended, and end it if the client is gone before."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    folder, environment = json.loads(client.makefile().readline())
    child = os.fork()
    if child == 0:
        client.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        code = 1
        try:
            code = run()
        finally:
            sys.stdout.flush()
            os._exit(code)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, client], [], [])[0]:
        os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(BrokenPipeError):
        client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
