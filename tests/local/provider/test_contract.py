"""What every resource type of the local provider guarantees, tried on each against a real emulator."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import grpc
import pytest

from localcloud.provider import AwsProvider
from localcloud.provider.packages import HANDLERS
from localcloud.provider.values import UNKNOWN
from tests.local.provider.cases import CASES, FIRST, SECOND, Case, Inputs
from tests.local.provider.conftest import REGION
from tests.local.provider.driver import Driver, Refused, driven

NAME = "case"
# By their owner's id they would not be found missing when it is gone: they go on by themselves.
_INDEPENDENT = ("aws:cloudtrail/trail:Trail", "aws:lambda/function:Function")


def _each(*cases: Case) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case.token.rpartition(":")[2], indirect=True)


every = _each(*CASES)
changeable = _each(*(case for case in CASES if case.changed is not None))
dependent = _each(*(case for case in CASES if case.needs and case.token not in _INDEPENDENT))
named = _each(*(case for case in CASES if case.resource_id is not None))


@pytest.fixture(name="case")
def prepared_case(request: pytest.FixtureRequest, aws: Driver) -> Iterator[Case]:
    """Yield each case with what it needs in place (made by one test, adopted by the others), and clear it away."""
    case: Case = request.param
    made = [aws.create(token, f"{NAME}-{token}-{i}", inputs)[0] for i, (token, inputs) in enumerate(case.needs)]
    case = _with_ids(case, dict(zip((FIRST, SECOND), made, strict=False)))
    yield case
    _remove(aws, case)


def _with_ids(case: Case, ids: Mapping[str, str]) -> Case:
    """Put the ids of what a case needs where it names them."""

    def known(inputs: Inputs) -> Inputs:
        return {key: ids.get(value, value) if isinstance(value, str) else value for key, value in inputs.items()}

    changed = None if case.changed is None else known(case.changed)
    return replace(case, inputs=known(case.inputs), changed=changed, moved=known(case.moved))


def _remove(aws: Driver, case: Case) -> None:
    resource_id, state, _ = aws.read(case.token, NAME, "", inputs=aws.check(case.token, NAME, case.inputs))
    if resource_id:
        aws.delete(case.token, NAME, resource_id, state)


def _without_time(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "lastModified"}


def test_every_type_has_a_case() -> None:
    """A type without an example here would be held to nothing."""
    assert sorted(case.token for case in CASES) == sorted(handler.token for handler in HANDLERS)


@every
def test_create_gives_the_inputs_and_outputs_back(aws: Driver, case: Case) -> None:
    """What was asked is in the state as it was asked, and so is what only the cloud knows."""
    checked = aws.check(case.token, NAME, case.inputs)
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    assert case.resource_id in (resource_id, None)
    assert {name: state.get(name) for name, value in checked.items() if value not in ("", [], {})} == {
        name: value for name, value in checked.items() if value not in ("", [], {})
    }
    assert [name for name in case.outputs if state.get(name) in (None, "")] == []


@every
def test_a_rerun_finds_no_difference(aws: Driver, case: Case) -> None:
    """Read changes nothing in the state, and the same inputs are no difference to it."""
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    found_id, found, inputs = aws.read(
        case.token, NAME, resource_id, state, aws.check(case.token, NAME, case.inputs, state)
    )
    assert (found_id, found) == (resource_id, state)
    answer = aws.diff(case.token, NAME, resource_id, found, case.inputs)
    assert not answer.detailedDiff
    assert inputs == aws.check(case.token, NAME, case.inputs, state)


@every
def test_create_again_adopts(aws: Driver, case: Case) -> None:
    """A creation whose answer was lost is repeated without a second resource, and gives the same answer."""
    first = aws.create(case.token, NAME, case.inputs)
    again = aws.create(case.token, NAME, case.inputs)
    assert (again[0], _without_time(again[1])) == (first[0], _without_time(first[1]))


@changeable
def test_create_mends_what_it_adopts(aws: Driver, case: Case) -> None:
    """What is there already is brought to what is asked."""
    assert case.changed is not None
    aws.create(case.token, NAME, case.changed)
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    assert not aws.diff(case.token, NAME, resource_id, state, case.inputs).detailedDiff


@every
def test_read_without_an_id_finds_it_by_its_inputs(aws: Driver, case: Case) -> None:
    """An engine that was killed before it learnt the id can find the resource."""
    checked = aws.check(case.token, NAME, case.inputs)
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    found_id, found, _ = aws.read(case.token, NAME, "", inputs=checked)
    assert (found_id, found) == (resource_id, state)


@changeable
def test_update_in_place(aws: Driver, case: Case) -> None:
    """A change is reported by property, made in place, and is no difference afterwards."""
    assert case.changed is not None
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    answer = aws.diff(case.token, NAME, resource_id, state, case.changed)
    assert (tuple(answer.diffs), list(answer.replaces)) == (case.differs, [])
    updated = aws.update(case.token, NAME, resource_id, state, case.changed)
    assert not aws.diff(case.token, NAME, resource_id, updated, case.changed).detailedDiff
    assert aws.read(case.token, NAME, resource_id, updated)[1] == updated
    back = aws.update(case.token, NAME, resource_id, updated, case.inputs)
    assert not aws.diff(case.token, NAME, resource_id, back, case.inputs).detailedDiff


@every
def test_what_cannot_change_replaces(aws: Driver, case: Case) -> None:
    """A change of what is fixed at creation is a replacement, and says which property forces it."""
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    answer = aws.diff(case.token, NAME, resource_id, state, case.moved)
    assert case.forces in answer.replaces
    same_id = case.resource_id is not None and case.forces in ("objectLockEnabled", "path", "action")
    assert answer.deleteBeforeReplace == same_id


@every
def test_delete_and_what_is_gone(aws: Driver, case: Case) -> None:
    """After delete it is missing (where it can be), deleting again is success, and creating brings it back."""
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    aws.delete(case.token, NAME, resource_id, state)
    found_id, found, _ = aws.read(case.token, NAME, resource_id, state)
    if case.stays:
        assert found != state
    else:
        assert (found_id, found) == ("", {})
    aws.delete(case.token, NAME, resource_id, state)
    again, _ = aws.create(case.token, NAME, case.inputs)
    assert case.resource_id in (again, None)


@dependent
def test_what_it_needs_is_gone(aws: Driver, case: Case) -> None:
    """Something whose bucket, role, function, group, rule or topic is gone is missing, and can be deleted."""
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    for index, (token, inputs) in reversed(list(enumerate(case.needs))):
        name = f"{NAME}-{token}-{index}"
        parent, parent_state, _ = aws.read(token, name, "", inputs=aws.check(token, name, inputs))
        if token.endswith(":Role"):
            parent_state = {**parent_state, "forceDetachPolicies": True}
        if token.endswith(":EventRule"):
            aws.client("events").remove_targets(Rule=inputs["name"], Ids=[state["targetId"]])
        aws.delete(token, name, parent, parent_state)
    assert aws.read(case.token, NAME, resource_id, state)[0] == ""
    aws.delete(case.token, NAME, resource_id, state)


@every
def test_a_preview_creates_nothing(aws: Driver, case: Case) -> None:
    """A preview tells the inputs, leaves unknown what the cloud decides, and makes nothing."""
    checked = aws.check(case.token, NAME, case.inputs)
    before = aws.read(case.token, NAME, "", inputs=checked)
    resource_id, state = aws.create(case.token, NAME, case.inputs, preview=True)
    assert resource_id == ""
    assert all(state[name] is UNKNOWN for name in case.outputs)
    assert {name: state[name] for name in checked} == checked
    assert aws.read(case.token, NAME, "", inputs=checked) == before


@changeable
def test_a_preview_updates_nothing(aws: Driver, case: Case) -> None:
    """A previewed update changes nothing in the cloud."""
    assert case.changed is not None
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    planned = aws.update(case.token, NAME, resource_id, state, case.changed, preview=True)
    asked = aws.check(case.token, NAME, case.changed)
    assert {name: planned[name] for name in asked} == asked
    assert aws.read(case.token, NAME, resource_id, state)[1] == state


@every
def test_an_unknown_input_is_refused_by_name(aws: Driver, case: Case) -> None:
    """An input that the handler does not understand is never dropped."""
    with pytest.raises(Refused) as refused:
        aws.check(case.token, NAME, {**case.inputs, "forceDestroy": True})
    assert "forceDestroy" in refused.value.failures
    assert "forceDestroy is not understood" in str(refused.value)


@every
def test_a_wrong_type_is_refused_by_name(aws: Driver, case: Case) -> None:
    """Each input's type is checked before anything is made."""
    for name in case.inputs:
        with pytest.raises(Refused) as refused:
            aws.check(case.token, NAME, {**case.inputs, name: [{"nested": ["wrong"]}]})
        assert any(path.startswith(name) for path in refused.value.failures)


@named
def test_two_resources_cannot_share_an_id(aws: Driver, case: Case) -> None:
    """Adoption is for an answer that was lost, not for a name used twice in one program."""
    aws.create(case.token, NAME, case.inputs)
    with pytest.raises(grpc.RpcError) as error:
        aws.create(case.token, "twin", case.inputs)
    assert "exists already and belongs to" in str(error.value.details())


@named
def test_what_an_entry_of_the_state_holds_is_not_adopted(aws: Driver, case: Case) -> None:
    """Under a new logical name it would be adopted, and then deleted with the entry of the old name."""
    resource_id, state = aws.create(case.token, NAME, case.inputs)
    with driven(AwsProvider(endpoint_url=aws.endpoint), {"region": REGION}, endpoint=aws.endpoint) as later:
        later.read(case.token, NAME, resource_id, state)
        with pytest.raises(grpc.RpcError) as error:
            later.create(case.token, "renamed", case.inputs)
        assert f"{resource_id} exists already and belongs to " in str(error.value.details())
        assert later.read(case.token, NAME, resource_id, state)[0] == resource_id
