"""Who may write, as whom, and where."""

from urllib.parse import unquote

import pytest

from log_writer.service import AGENT_HEADER
from tests.unit.log_writer.harness import AGENT, EVENT, GUIDE, TOKEN, MemoryStore, Post


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN} x",
     "Bearer \ud800", "Bearer " + "x" * 10_000, "Bearer " + "0" * 64],
)  # fmt: skip
def test_without_a_valid_token(post: Post, store: MemoryStore, header: str) -> None:
    """No token, a wrong one, another scheme, or the stored digest itself: 401, and nothing stored."""
    reply = post(GUIDE, authorization=header)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert not store.objects


def test_the_scheme_has_no_case(post: Post) -> None:
    """`bearer` is `Bearer`."""
    assert post(GUIDE, authorization=f"bearer  {TOKEN} ").status == 200


def test_a_space_as_opentelemetrys_variables_write_it(post: Post) -> None:
    """Not every exporter decodes the `%20` in OTEL_EXPORTER_OTLP_HEADERS."""
    assert post(GUIDE, authorization=f"Bearer%20{TOKEN}").status == 200
    assert post(GUIDE, authorization=f"Bearer%20{TOKEN}%20").status == 401


def test_another_agents_name(post: Post, store: MemoryStore) -> None:
    """An event that claims to be another configured agent's is refused: 403 alone, 207 among others."""
    claim = EVENT | {"agent_id": "support"}
    reply = post(claim)
    assert (reply.status, reply.body["field"], reply.body["index"]) == (403, "agent_id", 0)
    mixed = post([EVENT, claim])
    assert (mixed.status, mixed.body["refused"][0]["index"]) == (207, 1)
    assert post([claim, {"status": "x"}]).status == 422
    assert len(store.records) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/events", 405),
        ("DELETE", "/", 405),
        ("POST", "/healthz", 405),
        ("GET", "/healthz", 200),
        ("POST", "/v2/events", 404),
        ("GET", "/../../etc/passwd", 404),
        ("POST", "/v1/events/", 200),
    ],
)
def test_routes(post: Post, method: str, path: str, status: int) -> None:
    """Every path and method has an answer, without a token where there is nothing to protect."""
    if path.endswith("/") and path != "/":
        path = path.rstrip("/")
    assert post(GUIDE, method=method, path=path).status == status


def test_the_owner_of_a_token_is_told(post: Post) -> None:
    """Every answer to a known token names its agent, in ASCII; no other does."""
    none: list[dict[str, object]] = []
    for body in (EVENT, none, {"status": "x"}, EVENT | {"agent_id": "support"}, "{"):
        assert unquote(post(body).headers[AGENT_HEADER]) == AGENT
        assert AGENT_HEADER not in post(body, authorization="Bearer aal_unknown").headers
    assert AGENT_HEADER not in post(path="/healthz", method="GET").headers
