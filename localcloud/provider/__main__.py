"""`python -m localcloud.provider aws|random`: serve a provider for the official Pulumi CLI.

Prints the port on the first line, as Pulumi's plugins do, and serves until it is stopped. Let the CLI attach to it:
`PULUMI_DEBUG_PROVIDERS=aws:PORT,random:PORT pulumi up`.
"""

import argparse
import sys

from localcloud.provider import AwsProvider, RandomProvider, serve
from localcloud.provider.loopback import NotLoopbackError, check_endpoint


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m localcloud.provider", description="Serve a local provider.")
    parser.add_argument("package", choices=("aws", "random"))
    parser.add_argument("engine", nargs="?", help="the engine's address, which Pulumi gives to a plugin it starts")
    parser.add_argument("--endpoint", help="the emulator's address; without it, aws:endpoints has to name it")
    options = parser.parse_args(arguments)
    try:
        endpoint = check_endpoint(options.endpoint) if options.endpoint else None
    except NotLoopbackError as error:
        parser.error(str(error))
    provider = AwsProvider(endpoint_url=endpoint) if options.package == "aws" else RandomProvider()
    server, port = serve(provider)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop(grace=5).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
