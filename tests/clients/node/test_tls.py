"""An endpoint without a trusted certificate gets neither the token nor an event."""

from tests.clients.certificates import INVALID, make, serving_tls
from tests.clients.node.harness import LOG, RECORD, Project, needs_node

pytestmark = needs_node
PROGRAM = f"{LOG}{RECORD.format(count=1, name='u')} print(await log.close(1500));"


@INVALID
def test_a_certificate_that_is_not_the_endpoints(project: Project, host: str, *, expired: bool, vouched: bool) -> None:
    """The calls stay in the spool, also on loopback and with Node's switch that turns verification off."""
    certificate = make(project.folder, host=host, expired=expired)
    env = {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "NODE_NO_WARNINGS": "1"}
    env |= {"NODE_EXTRA_CA_CERTS": str(certificate.file)} if vouched else {}
    with serving_tls(certificate) as (server, url):
        ran = project.run(PROGRAM, url, env)
        assert (ran.values, server.got) == ([False], 0)
    (file,) = project.files
    assert file.read_text().count("\n") == 1


def test_a_certificate_that_somebody_vouches_for(project: Project) -> None:
    """A company's own authority, by `NODE_EXTRA_CA_CERTS`."""
    certificate = make(project.folder)
    with serving_tls(certificate) as (server, url):
        ran = project.run(PROGRAM, url, {"NODE_EXTRA_CA_CERTS": str(certificate.file)})
        assert (ran.values, server.got) == ([True], 1), ran.err
    assert not project.files
