"""Several processes find what one finds, in whatever was done to the log; and they end as one process would."""

import copy
import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from audit_core.layout import RECORDS, checkpoint_key, sequence_key
from audit_core.notes import open_checkpoint
from cli.verify import sharing
from cli.verify.folder import FolderSource
from cli.verify.log import VerifyOptions, verify_log
from cli.verify.sharing import bounds_of
from cli.verify.trust import verify_signature
from tests.adversarial.sealed_log import SealedLog, made, verified

_LOG = made(40, 40, per_seal=2)
_SIZES = sorted(int(key.rpartition("/")[2]) for key in _LOG.files if key.startswith("seal/checkpoints/"))
_SHARE = 40
_BOUNDS = bounds_of(_SIZES, _SHARE)
_MIDDLE = _BOUNDS[len(_BOUNDS) // 2]
"""Where one stretch ends and the next begins."""
_HANGS = """
import os, sys, time
from pathlib import Path
from audit_core.notes import parse_key
from cli.main import main
from cli.verify import commands
from cli.verify.log import VerifyOptions
from cli.verify.folder import FolderSource

own = os.getpid()

class Hangs(FolderSource):
    def read(self, key):
        if os.getpid() != own:
            os.write(1, b".")
            time.sleep(60)
        return super().read(key)

def wanted(**given):
    return VerifyOptions(**given, share=40)

commands.FolderSource = Hangs
commands.VerifyOptions = wanted
main()
"""


def _keys(log: SealedLog, prefix: str) -> list[str]:
    return sorted(key for key in log.files if key.startswith(prefix))


def _drop(log: SealedLog, *keys: str) -> None:
    for key in keys:
        del log.files[key], log.versions[key]


def _flip(log: SealedLog, *keys: str) -> None:
    for key in keys:
        log.files[key] = log.files[key][:-1] + bytes((log.files[key][-1] ^ 1,))


def _edit(log: SealedLog) -> None:
    for key in _keys(log, RECORDS)[::5]:
        log.files[key] = gzip.compress(gzip.decompress(log.files[key]).replace(b"an-agent", b"no-agent"))


def _swap_commits(log: SealedLog) -> None:
    one, other = sequence_key(_MIDDLE), sequence_key(_BOUNDS[1])
    log.files[one], log.files[other] = log.files[other], log.files[one]


_ATTACKS: dict[str, Callable[[SealedLog], object]] = {
    "nothing": lambda _: None,
    "records changed": _edit,
    "objects dropped": lambda log: _drop(log, *_keys(log, RECORDS)[::7]),
    "object added": lambda log: (log.store(3), log.waiting.clear()),
    "commit dropped where a stretch begins": lambda log: _drop(log, sequence_key(_MIDDLE)),
    "every commit dropped": lambda log: _drop(log, *_keys(log, "seal/sequence/")),
    "commits swapped": _swap_commits,
    "checkpoint dropped where a stretch begins": lambda log: _drop(log, checkpoint_key(_MIDDLE)),
    "checkpoint forged where a stretch begins": lambda log: _flip(log, checkpoint_key(_MIDDLE)),
    "checkpoint within a commit": lambda log: log.put(checkpoint_key(_MIDDLE + 1), b"x"),
    "tiles changed where stretches begin": lambda log: _flip(log, *_keys(log, "seal/tile/0/000.p")),
    "all tiles gone": lambda log: _drop(log, *_keys(log, "seal/tile/")),
    "cut off": lambda log: _drop(log, *[sequence_key(size) for size in _SIZES[:-1] if size >= _MIDDLE]),
    "checkpoint of a size beyond all": lambda log: log.put(checkpoint_key(10**17), b"x"),
}  # fmt: skip


@pytest.mark.parametrize("attack", _ATTACKS)
def test_any_number_of_processes_finds_the_same(tmp_path: Path, attack: str) -> None:
    """The report of one process is that of two, and of three: findings in their order, counts, freshness, notices."""
    log = copy.deepcopy(_LOG)
    _ATTACKS[attack](log)
    folder = log.write(tmp_path)
    kept = [open_checkpoint(_LOG.files[checkpoint_key(size)], _LOG.key, verify_signature) for size in _SIZES[1::4]]
    one, two, three = (verified(folder, log.key, kept=kept, jobs=jobs, share=_SHARE) for jobs in (1, 2, 3))
    assert bool(one.findings) is (attack != "nothing")
    assert one == two
    assert one == three


def test_stretches_meet_where_it_was_signed() -> None:
    """What the tests above share is enough for three processes, and begins with the log and ends with it."""
    assert len(_BOUNDS) > 3 * 4
    assert set(_BOUNDS[:-1]) <= set(_SIZES)
    assert (_BOUNDS[0], _BOUNDS[-1]) == (0, sys.maxsize)
    assert bounds_of([], 1) == bounds_of([0, 5], 10) == [0, sys.maxsize]


def test_processes_that_are_not_forked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processes cannot be forked they are begun anew, and find the same."""
    monkeypatch.setattr(sharing, "METHOD", "spawn")
    log = copy.deepcopy(_LOG)
    _edit(log)
    folder = log.write(tmp_path)
    assert verified(folder, log.key, jobs=2, share=_SHARE) == verified(folder, log.key)


class _Dies(FolderSource):
    own = os.getpid()

    def read(self, key: str):  # noqa: ANN202 - as in what it extends
        if os.getpid() != self.own:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(key)


def test_process_that_is_killed(tmp_path: Path) -> None:
    """A process that is ended from outside leaves no verdict: it is an error, soon, and nobody waits."""
    folder = _LOG.write(tmp_path)
    with pytest.raises(BrokenExecutor):
        verify_log(_Dies(folder), VerifyOptions(key=_LOG.key, jobs=3, share=_SHARE))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_none_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    """Whoever interrupts or kills the process that asked is rid of the others too, even of those that hang."""
    folder = _LOG.write(tmp_path / "copy")
    (tmp_path / "key").write_text(_LOG.key.text)
    arguments = ["verify", "log", "--dir", str(folder), "--public-key", str(tmp_path / "key"), "--jobs", "3"]
    with subprocess.Popen(
        [sys.executable, "-c", _HANGS, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b".."
        process.send_signal(number)
        # Its ends of these pipes are closed when the last process that has them is gone.
        out, err = process.communicate(timeout=30)
    assert out == b""
    if number == signal.SIGINT:
        assert process.returncode == 2
        assert b"interrupted" in err
        assert len(err.splitlines()) == 1
