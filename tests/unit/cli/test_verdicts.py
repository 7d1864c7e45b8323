"""A tick is given only when every attempt was refused, for the right reason."""

from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cli.check import Line, exit_code
from cli.checks.probe import Attempt, Outcome, Probe, Verdict, judged
from cli.connection import Connection, Deployment
from policies.controls import CONTROLS
from tests.unit.cli.test_connection import LOCAL, OUTPUTS

GAP = "suspend-versioning"


def _refused(code: str) -> Callable[[], object]:
    def call() -> object:
        raise ClientError({"Error": {"Code": code}}, "Operation")

    return call


def _unreachable() -> object:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


def _attempt(call: Callable[[], object], *, gap: str | None = None) -> Attempt:
    return Attempt(who="auditor", what="do it", call=call, gap=gap)


def _probe(outputs: dict[str, object]) -> Probe:
    return Probe(Connection(Deployment.from_outputs(outputs)))


@pytest.mark.parametrize(
    ("calls", "outcome"),
    [
        ([_refused("AccessDenied"), _refused("AccessDenied")], Outcome.PASSED),
        ([_refused("AccessDenied"), lambda: None], Outcome.FAILED),
        ([_refused("NoSuchKey"), lambda: None], Outcome.FAILED),
        ([_refused("AccessDenied"), _refused("NoSuchKey")], Outcome.COULD_NOT_CHECK),
        ([_refused("SlowDown")], Outcome.COULD_NOT_CHECK),
        ([_unreachable], Outcome.COULD_NOT_CHECK),
    ],
)
def test_only_a_refusal_is_a_refusal(calls: list[Callable[[], object]], outcome: Outcome) -> None:
    """An attempt that succeeds fails the control; an error of another kind proves nothing."""
    verdict = _probe(OUTPUTS).try_all(_attempt(call) for call in calls)
    assert verdict.outcome is outcome
    if outcome is Outcome.FAILED:
        assert verdict.detail == "auditor could do it"


def test_a_gap_excuses_nothing_on_a_real_cloud() -> None:
    """There the attempt is made, and its success is a broken control."""
    attempts = [_attempt(lambda: None, gap=GAP)]
    assert _probe(OUTPUTS).try_all(attempts).outcome is Outcome.FAILED
    assert _probe(LOCAL).try_all(attempts).outcome is Outcome.NOT_ENFORCED_HERE


def test_a_gap_excuses_only_its_own_attempt() -> None:
    """What else succeeds beside it is a broken control in the emulator too."""
    attempts = [_attempt(lambda: None, gap=GAP), _attempt(lambda: None)]
    assert _probe(LOCAL).try_all(attempts).outcome is Outcome.FAILED


def test_a_gap_is_not_tried_in_the_emulator() -> None:
    """Nobody's versioning is suspended to show that it could be."""
    tried: list[str] = []
    _probe(LOCAL).try_all([_attempt(lambda: tried.append("tried"), gap=GAP)])
    assert tried == []


def test_problems_make_a_failure() -> None:
    """Each is told."""
    assert judged([], "all of it").outcome is Outcome.PASSED
    assert judged(["this", "that"], "all of it") == Verdict(outcome=Outcome.FAILED, detail="this; that")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome.PASSED, Outcome.NOT_ENFORCED_HERE], 0),
        ([Outcome.PASSED, Outcome.FAILED], 1),
        ([Outcome.FAILED, Outcome.COULD_NOT_CHECK], 1),
        ([Outcome.PASSED, Outcome.COULD_NOT_CHECK], 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_line(outcomes: list[Outcome], code: int) -> None:
    """A broken control outweighs one that could not be checked."""
    lines = [Line(control=CONTROLS[0], verdict=Verdict(outcome=outcome, detail="")) for outcome in outcomes]
    assert exit_code(lines) == code
