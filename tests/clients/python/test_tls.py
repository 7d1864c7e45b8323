"""An endpoint without a trusted certificate gets neither the token nor an event."""

import os
import subprocess
import sys
from pathlib import Path

from localcloud.dependencies import ROOT
from tests.clients.certificates import INVALID, make, serving_tls

AGENT = Path(__file__).with_name("agent.py")
OVERRIDES = {"PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "", "REQUESTS_CA_BUNDLE": "", "GIT_SSL_NO_VERIFY": "1"}


def _run(url: str, spool: Path, env: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, AGENT, url, spool, "return", "1"],
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT / "clients" / "python" / "src"), **env},
        check=True,
        timeout=60,
        capture_output=True,
    )


def _waiting(spool: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in spool.rglob("*") if path.suffix in {".events", ".open"})


@INVALID
def test_a_certificate_that_is_not_the_endpoints(tmp_path: Path, host: str, *, expired: bool, vouched: bool) -> None:
    """The calls stay in the spool, also on loopback and with the switches of other programs in the environment."""
    certificate = make(tmp_path, host=host, expired=expired)
    env = OVERRIDES | ({"SSL_CERT_FILE": str(certificate.file)} if vouched else {})
    with serving_tls(certificate) as (server, url):
        _run(url, tmp_path / "spool", env)
        assert server.got == 0
    assert _waiting(tmp_path / "spool") == 1


def test_a_certificate_that_somebody_vouches_for(tmp_path: Path) -> None:
    """A company's own authority, by `SSL_CERT_FILE`."""
    certificate = make(tmp_path)
    with serving_tls(certificate) as (server, url):
        _run(url, tmp_path / "spool", {"SSL_CERT_FILE": str(certificate.file)})
        assert server.got == 1
    assert _waiting(tmp_path / "spool") == 0
