"""pip over a bad index: it fails, hangs or cuts off half-way, and every end is bounded and has a reason."""

import hashlib
import http.server
import multiprocessing
import os
import re
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components import downloads
from components.package import LOCK, PackageError, ensure_wheels, requirements

NAME = "tiny-1.0-py3-none-any.whl"


class Index(http.server.ThreadingHTTPServer):
    """A package index on this machine. `faults` are what it does to the next requests for the wheel, in turn."""

    daemon_threads = True

    def __init__(self, wheel: bytes) -> None:
        """Serve one wheel."""
        self.wheel = wheel
        self.faults: list[str] = []
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Its address, for pip."""
        return f"http://127.0.0.1:{self.server_address[1]}/simple"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        index = self.server
        assert isinstance(index, Index)
        if not self.path.endswith(".whl"):
            page = f'<a href="/{NAME}">{NAME}</a>'.encode()
            self._answer(200, page, {"Content-Type": "text/html"})
            return
        index.asked.append(self.headers.get("Range", "whole"))
        fault = index.faults.pop(0) if index.faults else ""
        begin = int((re.findall(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0])[0])
        body = index.wheel[begin:]
        if fault == "fail":
            self._answer(500, b"", {})
        elif fault == "hang":
            time.sleep(3)
        else:
            whole = len(index.wheel)
            more = {"ETag": '"1"', "Accept-Ranges": "bytes", "Content-Range": f"bytes {begin}-{whole - 1}/{whole}"}
            self._answer(206 if begin else 200, body, more, sent=len(body) // 2 if fault == "cut" else len(body))

    def _answer(self, status: int, body: bytes, headers: dict[str, str], *, sent: int | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[:sent])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        del format, args


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Yield an index that pip uses and nothing else, with short pauses between attempts."""
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w") as wheel:
        info = "tiny-1.0.dist-info"
        wheel.writestr("tiny.py", "#" * 300_000)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    with Index(path.read_bytes()) as server:
        settings = {"CONFIG_FILE": os.devnull, "INDEX_URL": server.url, "NO_CACHE_DIR": "1", "RETRIES": "0"}
        for name, value in {**settings, "TIMEOUT": "1", "RESUME_RETRIES": "0"}.items():
            monkeypatch.setenv(f"PIP_{name}", value)
        monkeypatch.setattr(downloads, "PAUSES", (0.0, 0.0, 0.0))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _download(index: Index, folder: Path) -> None:
    digest = hashlib.sha256(index.wheel).hexdigest()
    wanted = folder / "wanted.txt"
    wanted.write_text(f"tiny==1.0 --hash=sha256:{digest}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--dest", str(folder / "out"), "-r", str(wanted)]
    downloads.pip(command, log=folder / "pip.log")


def test_a_fault_is_tried_again(index: Index, tmp_path: Path) -> None:
    """Two faults in a row cost two more attempts, and nothing else."""
    index.faults = ["fail", "cut"]
    _download(index, tmp_path)
    assert (tmp_path / "out" / NAME).read_bytes() == index.wheel
    assert len(index.asked) == 3


@pytest.mark.parametrize("fault", ["fail", "hang", "cut"])
def test_a_lasting_fault_ends_with_its_reason(index: Index, tmp_path: Path, fault: str) -> None:
    """Four attempts, then one line that says more than `Exception:`."""
    index.faults = [fault] * 99
    with pytest.raises(downloads.DownloadError) as error:
        _download(index, tmp_path)
    assert len(index.asked) == 4
    said = str(error.value)
    assert "Exception:" not in said
    assert re.search("500 error|Unable to fetch|not enough bytes", said), said
    assert "\n" not in said


def test_a_cut_off_file_is_resumed(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default pip itself resumes: the second request asks for the rest alone."""
    monkeypatch.delenv("PIP_RESUME_RETRIES")
    index.faults = ["cut"]
    _download(index, tmp_path)
    assert (tmp_path / "out" / NAME).read_bytes() == index.wheel
    assert index.asked == ["whole", f"bytes={len(index.wheel) // 2}-"]


def test_an_attempt_has_an_end(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip that waits for ever is ended."""
    monkeypatch.setenv("PIP_TIMEOUT", "60")
    monkeypatch.setattr(downloads, "ATTEMPT_SECONDS", 1.5)
    monkeypatch.setattr(downloads, "PAUSES", ())
    index.faults = ["hang"]
    begun = time.monotonic()
    with pytest.raises(downloads.DownloadError, match=r"not done after 2 s"):
        _download(index, tmp_path)
    assert time.monotonic() - begun < 10


def test_other_bytes_are_refused_at_once(index: Index, tmp_path: Path) -> None:
    """A wheel that the lock does not know is not asked for again and again."""
    good, index.wheel = index.wheel, index.wheel + b"x"
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(good).hexdigest()}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(tmp_path / "out"), "-r", str(wanted)]
    with pytest.raises(downloads.DownloadError):
        downloads.pip(command, log=tmp_path / "pip.log")
    assert len(index.asked) == 1


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (
            "Collecting a\nERROR: Exception:\nTraceback (most recent call last):\nReadTimeoutError: Read timed out.\n",
            "ReadTimeoutError: Read timed out.; the package index is slow",
        ),
        ("ERROR: Exception:\nTraceback (most recent call last):\nMemoryError\nWARNING: later\n", "MemoryError"),
        ("ERROR: No matching distribution found for a\n\n[notice] new pip\n", "No matching distribution found for a"),
        ("ERROR: No matching distribution found for a (from versions: none)\n", downloads.UNREACHABLE),
        ("error: a-code\n\n\u00d7 It does not answer.\n╰─> x\n\nhint: wait\n", "It does not answer."),
        ("Killed\n", "Killed"),
        ("", ""),
    ],
)  # fmt: skip
def test_reason(printed: str, says: str) -> None:
    """The reason is pip's last line that says something."""
    assert downloads.reason(printed).startswith(says)
    assert bool(downloads.reason(printed)) == bool(says)


def test_a_package_of_503_kb_is_no_error_of_the_index() -> None:
    """Only an HTTP status from 500 on blames the index."""
    error = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n"
    assert downloads.reason(f"Downloading a.whl (503 kB)\n{error}") == "THESE PACKAGES DO NOT MATCH THE HASHES"
    for blames in ("HTTP error 503 while getting a", "502 Server Error: Bad", "too many 500 error responses"):
        assert downloads.reason(f"{blames}\n{error}").endswith("the package index is slow or cuts off, run this again")


def _ensure(folder: Path) -> str:
    try:
        ensure_wheels("aws", wheels_dir=folder)
    except PackageError as error:
        return str(error)
    return ""


def test_processes_at_once_download_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processes that miss the same wheels: one fetches them, the others wait for it and find them."""
    source = tmp_path / "source"
    source.mkdir()
    for wheel in ensure_wheels("aws"):
        (source / wheel.name).symlink_to(wheel)
    calls = tmp_path / "calls"
    calls.mkdir()
    # A `pip` that leaves a trace, takes its time, and is pip otherwise.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(source))
    monkeypatch.setenv("PIP_LOG", str(calls / "log"))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_ensure, [tmp_path / "wheels"] * 4) == [""] * 4
    assert len(re.findall(r"Saved ", (calls / "log").read_text())) == len(list(source.iterdir()))
    assert requirements(LOCK.read_text("utf-8"), (3, 13))
