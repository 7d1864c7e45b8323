"""In which order things come and go: what AWS and Pulumi's engine do at once, and what must never be left alone."""

from collections.abc import Mapping
from typing import Any

import pytest

from .conftest import Run, Up

ANCHOR = "https://tsa.example/tsr"
KEPT = {"seal-key", "seal-alias", "keys-parameter", "keys-digest-1", "keys-pseudonym-1"}
"""What readers need beside the bucket and its settings."""


def test_what_keeps_the_log_verifiable_is_protected_together(standard: Run) -> None:
    """The bucket with every setting, the signing key, the keys of digests and what they are made of."""
    protected = {name for name, entry in standard.entries.items() if entry.protect}
    assert protected == standard.children("log") | KEPT | {"protection"}


def _layers(run: Run) -> list[set[str]]:
    """The order in which Pulumi's engine deletes: in layers, each of what only the layers before it need.

    As `ScheduleDeletes` does it: it places a resource as soon as all that it depends on is placed, and turns the order
    round. https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/step_generator.go
    """
    left = {entry.urn: {urn for urn in entry.needs if urn != entry.urn} for entry in run.entries.values()}
    layers: list[set[str]] = []
    while left:
        ready = {urn for urn, needs in left.items() if not needs & left.keys()}
        assert ready
        layers.append({urn.rpartition("::")[2] for urn in ready})
        left = {urn: needs for urn, needs in left.items() if urn not in ready}
    return layers[::-1]


@pytest.mark.parametrize("config", [{}, {"envelope": "masked", "alarmEmail": "me@example.com"}])
def test_destroy_refuses_before_it_deletes_anything(run_program: Up, config: dict[str, str]) -> None:
    """The engine looks at `protect` only when it comes to a resource, so it must come to a protected one first."""
    run = run_program(config)
    assert _layers(run)[0] == {"protection"}
    assert run.entries["protection"].protect
    made = {entry.urn for entry in run.entries.values() if entry.custom and not entry.type.startswith("pulumi:")}
    assert run.entries["protection"].needs >= made


def test_no_order_of_destroy_takes_the_keys_and_keeps_the_log(run_program: Up) -> None:
    """Also in a trial, of which nothing is protected: a bucket that still holds records stops what comes after it."""
    run = run_program({"profile": "trial"})
    layers = _layers(run)
    place = {name: number for number, layer in enumerate(layers) for name in layer}
    assert all(place["log-bucket"] < place[name] for name in KEPT)
    for name in run.children("log") - {"log-bucket"}:
        assert run.entries[name].deleted_with == run.entries["log-bucket"].urn


def test_one_change_of_a_bucket_or_a_functions_policy_at_a_time(run_program: Up) -> None:
    """S3 and Lambda answer 409 to the second of two; the official provider does not try again after all of them."""
    run = run_program({"envelope": "masked", "profile": "regulated", "anchorUrl": ANCHOR,
                       "acknowledgeCompliance": "compliance-184"})  # fmt: skip
    settings = [entry for entry in run.entries.values() if entry.type.startswith("aws:s3/")]
    functions = [entry for entry in run.entries.values() if entry.type.startswith("aws:lambda/")]
    assert len(settings) > 12
    assert len(functions) > 7
    for changes, target in ((settings, ("bucket",)), (functions, ("function", "functionName", "name"))):
        for one in changes:
            for other in changes:
                same = _target(one.inputs, target) == _target(other.inputs, target)
                assert (
                    one is other or not same or other.urn in _before(run, one.urn) or one.urn in _before(run, other.urn)
                )


def _target(inputs: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(str(inputs[name]) for name in names if name in inputs)


def _before(run: Run, urn: str) -> set[str]:
    """Everything that is there before a resource, however far."""
    entries = {entry.urn: entry for entry in run.entries.values()}
    found: set[str] = set()
    left = {urn}
    while left:
        left = {need for one in left if one in entries for need in entries[one].needs} - found
        found |= left
    return found


def test_both_permissions_wait_for_the_address(standard: Run) -> None:
    """With an open address the provider adds two of its own, under other names, and does not wait for ours."""
    for name in ("writer-url-permission", "writer-invoke-permission"):
        entry = standard.entries[name]
        assert standard.entries["writer-url"].urn in _before(standard, entry.urn)
        assert entry.inputs["statementId"] not in ("FunctionURLAllowPublicAccess", "FunctionURLAllowInvokeAction")


def test_a_lifecycle_that_s3_is_slow_to_give_is_waited_for(run_program: Up) -> None:
    """The provider wants the same answer ten times in a row, and gives up after three minutes unless told."""
    run = run_program({"envelope": "masked"})
    for name in ("log-lifecycle", "vault-lifecycle"):
        assert run.entries[name].inputs["timeouts"] == {"create": "15m", "update": "15m"}
        assert {run.entries[name].timeouts[key] for key in ("create", "update")} == {900}


def test_what_was_changed_by_hand_shows_as_a_difference(standard: Run) -> None:
    """The provider compares only what is said: a rule that somebody disabled, code that somebody else uploaded."""
    assert all("state" in entry.inputs for entry in standard.of("EventRule"))
    for name, output in (("writer-function", "package_sha256"), ("sealer-function", "sealer_package_sha256")):
        assert standard.entries[name].inputs["codeSha256"] == standard.plan.outputs[output]
    assert standard.entries["access-trail"].inputs["enableLogging"] is True
