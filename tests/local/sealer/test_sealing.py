"""Everything that is stored is sealed, once, whatever happens to the sealer."""

from concurrent.futures import ThreadPoolExecutor

from tests.local.sealer.conftest import Place, soon


def test_an_empty_log_is_sealed_too(place: Place) -> None:
    """With nothing stored there is a checkpoint of size 0, and a second run changes nothing."""
    place.sealer().seal(deadline=soon())
    before = place.objects()
    assert place.checked() == []
    place.sealer().seal(deadline=soon())
    assert place.objects() == before
    assert set(before) == {"seal/checkpoint", "seal/checkpoints/0", "seal/key", "seal/rules/0000"}


def test_records_are_sealed_once(place: Place) -> None:
    """Each line has one entry, in the order in which objects were stored, however often they are told of."""
    keys = [place.store(lines) for lines in (1, 3, 300)]
    sealed = place.sealer().seal(deadline=soon())
    assert (sealed.entries, sealed.objects, sealed.size) == (304, 3, 304)
    entries = place.checked()
    assert sorted({entry.key for entry in entries}) == sorted(keys)
    for key in keys:
        assert [entry.line for entry in entries if entry.key == key] == list(
            range(sum(entry.key == key for entry in entries))
        )
    assert place.alarms == []
    place.sealer().seal(deadline=soon())
    place.sealer().reconcile(deadline=soon())
    assert place.checked() == entries
    assert place.alarms == []


def test_later_objects_come_after(place: Place) -> None:
    """What is sealed keeps its place; a day long past is sealed when it comes."""
    place.store(2)
    place.sealer().seal(deadline=soon())
    before = place.checked()
    late = place.store(2, day="2020-01-01")
    place.sealer().seal(deadline=soon())
    after = place.checked()
    assert after[: len(before)] == before
    assert {entry.key for entry in after[len(before) :]} == {late}


def test_two_sealers_at_once(place: Place) -> None:
    """Sealers that run at the same time seal everything once between them."""
    keys = {place.store(2) for _ in range(12)}
    with ThreadPoolExecutor(3) as pool:
        for run in [pool.submit(place.sealer().seal, deadline=soon()) for _ in range(3)]:
            run.result()
    place.sealer().seal(deadline=soon())
    place.sealer().reconcile(deadline=soon())
    assert {entry.key for entry in place.checked()} == keys
