"""A run that cannot go on ends with one error that names the resource, and the next run goes on from where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from localcloud.engine import (
    CancelledError,
    EngineError,
    LockedError,
    ProgramError,
    ProgramTimeoutError,
    ProviderError,
    StateError,
    UnsupportedError,
)
from localcloud.engine.state import StateFile
from tests.local.engine.harness import Stack, actions, failed_steps
from tests.local.engine.kv_cloud import KvProvider

CHAIN = """
    a = Item("a", name="a", value=1)
    b = Item("b", name="b", value=a.address)
    Item("c", name="c", value=b.address)
"""


def test_a_failure_half_way_keeps_what_succeeded(stack: Stack) -> None:
    """The error names the resource and the provider's reason; what was made is in the state; the next run goes on."""
    stack.up('Item("old", name="old")')
    stack.cloud.inject(create_b="there is no room")
    with pytest.raises(ProviderError, match="create failed: there is no room") as caught:
        stack.up(CHAIN)
    assert caught.value.urn == "urn:pulumi:test::proj::kv:index:Item::b"
    assert failed_steps(stack.events) == ["b"]
    assert stack.names() == ["a", "old"]
    assert stack.state()["pending"] == []
    stack.cloud.inject()
    assert actions(stack.up()) == {"a": "same", "b": "create", "c": "create", "old": "delete"}


@pytest.mark.parametrize("operation", ["update", "delete"])
def test_a_failed_update_or_deletion_is_tried_again(stack: Stack, operation: str) -> None:
    """The error is told, and the next run does it."""
    stack.up('Item("a", name="a", value=1)')
    stack.cloud.inject(**{f"{operation}_a": "not now"})
    wanted = 'Item("a", name="a", value=2)' if operation == "update" else ""
    with pytest.raises(ProviderError, match=f"{operation} failed: not now"):
        stack.up(wanted)
    assert stack.names() == ["a"]
    stack.cloud.inject()
    stack.up()
    assert stack.cloud.by_name() == ({"a": 2} if operation == "update" else {})


def test_an_update_that_failed_is_repeated_even_if_the_program_takes_it_back(stack: Stack) -> None:
    """After a failure nobody knows what was changed, so the old inputs are put in force again."""
    stack.up('Item("a", name="a", value=1)')
    stack.cloud.inject(update_a="half done")
    with pytest.raises(ProviderError):
        stack.up('Item("a", name="a", value=2)')
    stack.cloud.inject()
    assert actions(stack.up('Item("a", name="a", value=1)')) == {"a": "update"}
    assert not stack.up().changed


def test_a_resource_that_was_made_but_not_finished_is_kept_and_finished(stack: Stack) -> None:
    """A provider that reports an incomplete resource does not leave it behind unknown."""
    stack.cloud.inject(finish_a="no answer from the second call")
    with pytest.raises(ProviderError, match="no answer from the second call"):
        stack.up('Item("a", name="a", value=1)')
    assert stack.names() == ["a"]
    stack.cloud.inject()
    assert actions(stack.up()) == {"a": "update"}
    assert not stack.up().changed


def test_inputs_that_a_provider_refuses_fail_before_anything_is_made(stack: Stack) -> None:
    """A failed check names the property."""
    with pytest.raises(ProviderError, match="check failed: value: is not allowed") as caught:
        stack.preview('Item("a", value="refused")')
    assert caught.value.urn.endswith("::a")


def test_a_program_that_raises_deletes_nothing(stack: Stack) -> None:
    """Its traceback begins in the program, what came before is made, and what is missing is not taken for removed."""
    stack.up('Item("a", name="a"); Item("z", name="z")')
    with pytest.raises(ProgramError, match="ValueError: no such luck") as caught:
        stack.up("""
            Item("a", name="a")
            raise ValueError("no such luck")
        """)
    assert "__main__.py" in str(caught.value)
    assert "runpy" not in str(caught.value)
    assert sorted(stack.cloud.by_name()) == ["a", "z"]
    assert stack.cloud.mutations() == []


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise pulumi.RunError('say only this')", "^say only this$"),
        ("import sys; sys.exit(3)", "ended with 3"),
        ("import os; os._exit(4)", "exit code 4"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by signal 9"),
        ("this is no Python", "SyntaxError"),
    ],
)
def test_every_way_for_a_program_to_fail_is_told(stack: Stack, program: str, reason: str) -> None:
    """An error of the program's own, an exit code, a signal, a file that does not compile."""
    with pytest.raises(ProgramError, match=reason):
        stack.up(program)


def test_a_program_that_exits_well_is_a_program(stack: Stack) -> None:
    """`sys.exit(0)` at the end is not a failure."""
    result = stack.up('Item("a", name="a"); import sys; sys.exit()')
    assert result.changes["create"] == 2


def test_a_program_that_is_not_there(stack: Stack) -> None:
    """The error says which folder lacks it."""
    with pytest.raises(ProgramError, match=r"no __main__\.py"):
        stack.up()


def test_a_program_that_hangs_is_ended(stack: Stack) -> None:
    """It has its time, and then is gone."""
    stack.program_seconds = 1.0
    with pytest.raises(ProgramTimeoutError, match="within 1 s"):
        stack.up("import time; time.sleep(60)")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ('pulumi.CustomResource("azure:index:Thing", "x")', "no provider for the package 'azure' here .there is: kv"),
        ('pulumi.CustomResource("kv:index:Unknown", "x")', "no resource type kv:index:Unknown"),
        ('Provider("p", "nowhere")', "region: there is no such region"),
        ('Item("a", Opts(import_="id-1"))', "the import option is not supported"),
        ('Item("a", Opts(transforms=[lambda args: None]))', "the transforms option .* is not supported"),
        ("pulumi.runtime.register_resource_transform(lambda args: None)", "a stack transform .* is not supported"),
        (
            'Item("a", Opts(hooks=pulumi.ResourceHookBinding(before_create=[lambda args: None])))',
            "the resource hook .* is not supported",
        ),
        ('pulumi.ComponentResource("kv:index:Remote", "x", {}, remote=True)', "from another package is not supported"),
        ('pulumi.runtime.call("kv:index:m", {}, Item("a", name="a"))', "the method kv:index:m"),
        ('Item("a", Opts(custom_timeouts=pulumi.CustomTimeouts(create="soon")))', "'soon' is not a duration"),
    ],
)
def test_what_the_engine_does_not_have_is_refused_by_name(stack: Stack, program: str, reason: str) -> None:
    """Nothing is ignored in silence."""
    with pytest.raises(EngineError, match=reason) as caught:
        stack.up(program)
    assert not isinstance(caught.value, ProgramError)


def test_custom_timeouts_bound_the_provider(stack: Stack) -> None:
    """A provider that does not answer within a resource's own timeout is an error; the operation stays open."""

    class Slow(KvProvider):
        def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:  # noqa: N802
            """Answer late."""
            response = super().Create(request, context)
            time.sleep(1.5)
            return response

    stack.providers["kv"] = lambda: Slow(stack.cloud)
    with pytest.raises(ProviderError, match="did not answer in time"):
        stack.up('Item("a", Opts(custom_timeouts=pulumi.CustomTimeouts(create="500ms")), name="a")')
    assert [item["kind"] for item in stack.state()["pending"]] == ["create"]
    stack.providers["kv"] = lambda: KvProvider(stack.cloud)
    assert actions(stack.up()) == {"a": "update"}
    assert len(stack.cloud.items()) == 1


def test_a_second_run_at_the_same_time_is_refused(stack: Stack) -> None:
    """One line says that another run is working; a preview may look all the same."""
    stack.up(CHAIN)
    with StateFile(stack.state_path).locked():
        with pytest.raises(LockedError, match="another run is working on this stack"):
            stack.up()
        with pytest.raises(LockedError):
            stack.destroy()
        assert not stack.preview().changed
    assert not stack.up().changed


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}', '{"format": 1, "entries": [{}], "pending": []}'])
def test_a_damaged_state_is_not_taken_for_an_empty_one(stack: Stack, content: str) -> None:
    """The run stops before it would create everything a second time."""
    stack.state_path.write_text(content)
    with pytest.raises(StateError, match=r"is damaged|has format 99"):
        stack.up(CHAIN)
    assert stack.cloud.calls() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written(stack: Stack) -> None:
    """The run stops before anything is made."""
    stack.folder.chmod(0o500)
    try:
        with pytest.raises(StateError, match="cannot be written"):
            stack.up(CHAIN)
    finally:
        stack.folder.chmod(0o700)


def test_a_state_path_that_is_taken_by_a_file(stack: Stack) -> None:
    """A parent that is no folder is one clear error."""
    (stack.folder / "file").write_text("")
    stack.state_path = stack.folder / "file" / "state.json"
    with pytest.raises(StateError, match="cannot be written"):
        stack.up(CHAIN)


def test_an_interrupt_lets_the_operation_under_way_end(stack: Stack) -> None:
    """After Ctrl-C nothing new begins, the state has what was done, the program is gone, and the next run goes on."""
    reached = threading.Event()

    class Slow(KvProvider):
        def Create(self, request: pb.CreateRequest, context: grpc.ServicerContext) -> pb.CreateResponse:  # noqa: N802
            """Tell that it began, and take its time."""
            reached.set()
            time.sleep(0.5)
            return super().Create(request, context)

    stack.providers["kv"] = lambda: Slow(stack.cloud)
    main = threading.main_thread().ident

    def interrupt() -> None:
        reached.wait(20)
        signal.pthread_kill(main or 0, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(CancelledError, match="interrupted"):
        stack.up(CHAIN)
    thread.join()
    assert stack.cloud.by_name() == {"a": 1}
    assert stack.names() == ["a"]
    assert stack.state()["pending"] == []
    stack.providers["kv"] = lambda: KvProvider(stack.cloud)
    assert actions(stack.up()) == {"a": "same", "b": "create", "c": "create"}


def test_an_engine_that_dies_takes_its_program_along(stack: Stack, tmp_path: Path) -> None:
    """A program does not outlive a killed engine, whatever it is doing."""
    mark = tmp_path / "pid"
    stack.write(f"""
        import os, pathlib, time
        pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))
        time.sleep(60)
    """)
    code = (
        "import sys; from pathlib import Path; from localcloud.engine import Engine\n"
        "a = [Path(p) for p in sys.argv[1:]]\n"
        "Engine(project='p', stack='s', program=a[0], state_file=a[1], providers={}).up()"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(stack.program_folder), str(stack.state_path)]) as engine:
        _wait_for(lambda: mark.exists() and mark.read_text() != "")
        engine.kill()
    program = int(mark.read_text())
    _wait_for(lambda: not _runs(program))


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_unsupported_is_an_engine_error() -> None:
    """Callers catch one family."""
    for family in (CancelledError, LockedError, ProgramTimeoutError, ProviderError, StateError, UnsupportedError):
        assert issubclass(family, EngineError)
