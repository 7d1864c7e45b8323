"""Stand in for a program: have it forked with the folder, environment and streams of this process, and end as it does.

Standard library only, and little of it: this is started for each run of a program.
"""

import json
import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ.pop("WARM_PROGRAMS"))
    socket.send_fds(server, [b"\0"], [0, 1, 2])
    server.sendall(json.dumps([os.getcwd(), dict(os.environ)]).encode() + b"\n")  # noqa: PTH109 - pathlib takes long
    ended = server.makefile().readline()
code = int(ended or "1")
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
