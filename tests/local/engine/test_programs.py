"""What a Pulumi program says is what the cloud holds afterwards, and what a preview says would happen does."""

from __future__ import annotations

import pytest

from localcloud.engine import EngineError, Message, ProgramError, ProtectedError
from tests.local.engine.harness import Stack, actions, step
from tests.local.engine.kv_cloud import KvProvider

TWO = """
    a = Item("a", name="a", value=1)
    b = Item("b", name="b", value=a.address)
    pulumi.export("address", b.value)
    pulumi.export("hidden", pulumi.Output.secret("hush"))
"""


def test_up_creates_what_the_program_says(stack: Stack) -> None:
    """Resources exist with their inputs, outputs flow into dependents, and exports come back bare."""
    result = stack.up(TWO)
    assert stack.cloud.by_name() == {"a": 1, "b": "kv://here/id-1"}
    assert result.outputs == {"address": "kv://here/id-1", "hidden": "hush"}
    assert result.secret_outputs == {"hidden"}
    assert result.changes == {"create": 3}
    assert result.changed


def test_a_rerun_changes_nothing(stack: Stack) -> None:
    """The same program twice makes no mutating call and leaves the state file as it is."""
    stack.up(TWO)
    before = stack.state_path.read_bytes()
    result = stack.up()
    assert result.changes == {"same": 3}
    assert not result.changed
    assert stack.cloud.mutations() == []
    assert stack.state_path.read_bytes() == before


def test_a_preview_tells_and_touches_nothing(stack: Stack) -> None:
    """Before the first run everything would be created, outputs are unknown, secrets hidden, and nothing is written."""
    plan = stack.preview(TWO)
    assert actions(plan) == {"a": "create", "b": "create"}
    assert step(plan, "a").inputs == {"name": "a", "value": 1}
    assert step(plan, "b").inputs["value"] is None
    assert plan.outputs == {"address": None, "hidden": "[secret]"}
    assert stack.cloud.mutations() == []
    assert not stack.state_path.exists()


@pytest.mark.parametrize("provider_previews", [True, False])
def test_a_preview_foresees_every_kind_of_step(stack: Stack, provider_previews: bool) -> None:  # noqa: FBT001
    """Update, replacement, deletion and no change are told as they then happen."""
    stack.providers["kv"] = lambda: KvProvider(stack.cloud, preview=provider_previews)
    stack.up('for name in "abcd": Item(name, name=name, value=1)')
    changed = 'Item("a", name="a", value=1); Item("b", name="b", value=2); Item("c", name="other", value=1)'
    expected = {"a": "same", "b": "update", "c": "replace", "d": "delete"}
    plan = stack.preview(changed)
    assert actions(plan) == expected
    assert step(plan, "b").paths == ("value",)
    assert step(plan, "c").replaces == ("name",)
    assert stack.cloud.mutations() == []
    assert stack.cloud.by_name() == {"a": 1, "b": 1, "c": 1, "d": 1}
    assert actions(stack.up()) == expected
    assert stack.cloud.by_name() == {"a": 1, "b": 2, "other": 1}


def test_a_successor_comes_first_and_is_created_before_its_predecessor_goes(stack: Stack) -> None:
    """Replacing creates the new one, moves dependents to it, and deletes the old one last."""
    program = 'a = Item("a", name="{}"); Item("b", name="b", value=a.address)'
    stack.up(program.format("one"))
    result = stack.up(program.format("two"))
    assert stack.cloud.mutations() == ["create two", "update b", "delete one"]
    assert stack.cloud.by_name() == {"two": None, "b": "kv://here/id-3"}
    assert result.changes["replace"] == 1
    assert result.changes["delete"] == 0


def test_a_provider_can_ask_to_delete_before_it_replaces(stack: Stack) -> None:
    """Where two cannot exist at once the old one goes first."""
    stack.up('Item("a", name="a", kind="x")')
    result = stack.up('Item("a", name="a", kind="y")')
    assert stack.cloud.mutations() == ["delete a", "create a"]
    assert result.changes["replace"] == 1


def test_a_program_can_ask_to_delete_before_it_replaces(stack: Stack) -> None:
    """The option overrules a provider that would create first."""
    stack.up('Item("a", name="one")')
    stack.up('Item("a", Opts(delete_before_replace=True), name="two")')
    assert stack.cloud.mutations() == ["delete one", "create two"]


def test_deleting_first_takes_along_what_cannot_stay(stack: Stack) -> None:
    """A dependent that would be replaced too is deleted before, one that can be changed stays and is changed."""
    program = """
        a = Item("a", name="a", kind="{}")
        b = Item("b", name="b", kind=a.address)
        c = Item("c", name="c", value=b.address)
    """
    stack.up(program.format("x"))
    plan = stack.preview(program.format("y"))
    assert actions(plan) == {"a": "replace", "b": "replace", "c": "update"}
    result = stack.up()
    assert stack.cloud.mutations() == ["delete b", "delete a", "create a", "create b", "update c"]
    assert actions(result) == {"a": "replace", "b": "replace", "c": "update"}


def test_what_goes_along_and_leaves_the_program_is_told_as_deleted(stack: Stack) -> None:
    """A dependent that is in the way and no longer wanted is deleted early, and counted."""
    stack.up('a = Item("a", name="a", kind="x"); Item("b", name="b", kind=a.address)')
    result = stack.up('Item("a", name="a", kind="y")')
    assert stack.cloud.mutations() == ["delete b", "delete a", "create a"]
    assert actions(result) == {"a": "replace", "b": "delete"}


def test_what_leaves_the_program_is_deleted_dependents_first(stack: Stack) -> None:
    """Deletion runs against the dependencies, explicit and by property."""
    stack.up("""
        a = Item("a", name="a")
        b = Item("b", name="b", value=a.address)
        c = Item("c", Opts(depends_on=[b]), name="c")
        Item("d", name="d")
    """)
    result = stack.up('Item("d", name="d")')
    assert stack.cloud.mutations() == ["delete c", "delete b", "delete a"]
    assert result.changes == {"same": 2, "delete": 3}
    assert stack.names() == ["d"]


def test_destroy_deletes_everything_dependents_first(stack: Stack) -> None:
    """Nothing is left in the cloud or in the state."""
    stack.up(TWO)
    result = stack.destroy()
    assert stack.cloud.mutations() == ["delete b", "delete a"]
    assert result.changes["delete"] == 3
    assert stack.state()["entries"] == []
    assert stack.cloud.items() == {}


def test_a_name_that_the_provider_chose_is_kept(stack: Stack) -> None:
    """An automatic name survives an update and changes with a replacement."""
    stack.up('Item("a", value=1)')
    (first,) = stack.cloud.by_name()
    stack.up('Item("a", value=2)')
    assert stack.cloud.by_name() == {first: 2}
    stack.up('Item("a", value=2, kind="other")')
    (second,) = stack.cloud.by_name()
    assert second.startswith("a-")


@pytest.mark.parametrize(
    ("program", "what"),
    [("", "would be deleted"), ('Item("a", Opts(protect=True), name="b")', "would have to be replaced")],
)
def test_a_protected_resource_stays(stack: Stack, program: str, what: str) -> None:
    """Neither deletion nor replacement touches it, and nothing else is deleted either."""
    stack.up('Item("a", Opts(protect=True), name="a"); Item("z", name="z")')
    stack.write(program)
    for run in (stack.preview, stack.up):
        with pytest.raises(ProtectedError, match=what) as caught:
            run()
        assert caught.value.urn.endswith("::a")
        assert stack.cloud.mutations() == []


def test_a_protected_resource_survives_destroy_until_it_is_unprotected(stack: Stack) -> None:
    """Destroy refuses as a whole; taking the option away and running once frees it, without touching the resource."""
    stack.up('Item("a", Opts(protect=True), name="a"); Item("z", name="z")')
    with pytest.raises(ProtectedError, match="nothing was deleted"):
        stack.destroy()
    assert sorted(stack.cloud.by_name()) == ["a", "z"]
    result = stack.up('Item("a", name="a"); Item("z", name="z")')
    assert not result.changed
    assert stack.cloud.mutations() == []
    stack.destroy()
    assert stack.cloud.items() == {}


def test_a_dependent_that_is_protected_stops_the_replacement(stack: Stack) -> None:
    """What would be deleted along is held back too, before anything was deleted."""
    program = 'a = Item("a", name="a", kind="{}"); Item("b", Opts(protect=True), name="b", kind=a.address)'
    stack.up(program.format("x"))
    with pytest.raises(ProtectedError, match="because"):
        stack.up(program.format("y"))
    assert stack.cloud.mutations() == []


def test_retained_resources_are_forgotten_but_not_deleted(stack: Stack) -> None:
    """Leaving the program, or being replaced, takes them out of the state only."""
    stack.up('Item("a", Opts(retain_on_delete=True), name="a")')
    stack.up('Item("a", Opts(retain_on_delete=True), name="b")')
    stack.up("")
    assert sorted(stack.cloud.by_name()) == ["a", "b"]
    assert stack.names() == []


def test_ignored_changes_are_not_made(stack: Stack) -> None:
    """An ignored property keeps its old value while others change."""
    stack.up('Item("a", name="a", value={"x": 1, "y": 1}, kind="k")')
    program = 'Item("a", Opts(ignore_changes=["kind", "value.x"]), name="a", value={{"x": 2, "y": {}}}, kind="other")'
    assert actions(stack.up(program.format(1))) == {"a": "same"}
    assert actions(stack.up(program.format(2))) == {"a": "update"}
    (item,) = stack.cloud.items().values()
    assert item["value"] == {"x": 1, "y": 2}
    assert item["kind"] == "k"


def test_replace_on_changes_and_triggers_force_a_replacement(stack: Stack) -> None:
    """A property that could change in place, a changed trigger, or a replaced other resource force it."""
    stack.up('Item("a", name="a1", value=1); Item("b", Opts(replacement_trigger=1)); Item("c")')
    result = stack.up("""
        a = Item("a", Opts(replace_on_changes=["value"], delete_before_replace=True), name="a1", value=2)
        Item("b", Opts(replacement_trigger=2))
        Item("c", Opts(replace_with=[a]))
    """)
    assert actions(result) == {"a": "replace", "b": "replace", "c": "replace"}


def test_deleted_with_another_means_no_call(stack: Stack) -> None:
    """What goes with its container is not deleted one by one."""
    stack.up('a = Item("a", name="a"); Item("b", Opts(deleted_with=a), name="b")')
    stack.destroy()
    assert stack.cloud.mutations() == ["delete a"]


def test_components_hold_their_children_and_register_outputs(stack: Stack) -> None:
    """Children carry the parent's type in their URN, and the component's outputs are in the state."""
    stack.up("""
        group = Group("g")
        Item("a", Opts(parent=group), name="a")
        group.register_outputs({"size": 1})
    """)
    assert stack.entry("a")["urn"] == "urn:pulumi:test::proj::kv:index:Group$kv:index:Item::a"
    assert stack.entry("g")["outputs"] == {"size": 1}
    assert not stack.up().changed


@pytest.mark.parametrize(
    "program",
    [
        'Item("new", Opts(aliases=["urn:pulumi:test::proj::kv:index:Group$kv:index:Item::old"]), name="n")',
        'g = Group("g"); Item("new", Opts(parent=g, aliases=[pulumi.Alias(name="old")]), name="n")',
        'h = Group("h", Opts(aliases=[pulumi.Alias(name="g")])); Item("old", Opts(parent=h), name="n")',
    ],
)
def test_aliases_keep_a_renamed_resource(stack: Stack, program: str) -> None:
    """A resource under a new name or parent is the same resource, and so are its dependents' references to it."""
    stack.up('g = Group("g"); old = Item("old", Opts(parent=g), name="n")')
    result = stack.up(program)
    assert stack.cloud.mutations() == []
    assert result.changes["delete"] <= 1
    assert len(stack.names()) == 1


def test_two_resources_of_one_name_are_refused(stack: Stack) -> None:
    """The second registration of a URN is an error that names it."""
    with pytest.raises(EngineError, match="registers two resources") as caught:
        stack.up('Item("a", name="a"); Item("a", name="b")')
    assert caught.value.urn.endswith("::a")


def test_functions_answer_with_the_default_providers_configuration(stack: Stack) -> None:
    """An invoke reaches the package's provider, configured from the package's namespace."""
    stack.config = {"kv:region": "north", "proj:other": "x"}
    stack.up('Item("a", name="a")')
    result = stack.up('Item("a", name="a"); pulumi.export("found", look_up("a"))')
    assert result.outputs["found"] == {"region": "north", "found": "id-1"}
    assert stack.cloud.calls()[0] == 'configure {"kv:config:region": "north"}'


@pytest.mark.parametrize(
    ("function", "reason"), [("fail", r"as asked \(why\)"), ("absent", "no function kv:index:absent")]
)
def test_a_function_that_fails_is_the_programs_affair(stack: Stack, function: str, reason: str) -> None:
    """A provider's failure of a function reaches the program in its own words; it may live with it or fail."""
    call = f'pulumi.runtime.invoke("kv:index:{function}", {{}})'
    with pytest.raises(ProgramError, match=f"invoke of kv:index:{function} failed: {reason}"):
        stack.up(call)
    program = f"""
        try:
            {call}
        except Exception:
            Item("a", name="a")
    """
    assert actions(stack.up(program)) == {"a": "create"}


def test_explicit_providers_serve_their_own_resources(stack: Stack) -> None:
    """Two configurations of one package exist beside each other."""
    stack.up("""
        south = Provider("south", "south")
        Item("a", Opts(provider=south), name="a")
        Item("b", name="b")
    """)
    assert stack.entry("a")["outputs"]["region"] == "south"
    assert stack.entry("b")["outputs"]["region"] == "here"
    assert not stack.up().changed
    stack.destroy()
    assert stack.cloud.items() == {}


def test_another_region_moves_the_resources(stack: Stack) -> None:
    """A configuration that means another cloud replaces what the provider manages, each deleted where it was."""
    stack.config = {"kv:region": "north"}
    stack.up('Item("a")')
    stack.config = {"kv:region": "south"}
    assert actions(stack.up()) == {"a": "replace"}
    assert stack.entry("a")["outputs"]["region"] == "south"
    assert len(stack.cloud.items()) == 1
    assert not stack.up().changed


def test_a_resource_that_somebody_else_manages_is_only_read(stack: Stack) -> None:
    """`get` gives its properties; nothing ever changes or deletes it."""
    stack.cloud.put("foreign", {"name": "foreign", "value": 7})
    result = stack.up('pulumi.export("value", Item.get("f", "foreign").value)')
    assert result.outputs == {"value": 7}
    stack.destroy()
    assert stack.cloud.mutations() == []
    with pytest.raises(EngineError, match="there is no kv:index:Item"):
        stack.up('Item.get("f", "absent")')


def test_config_reaches_the_program(stack: Stack) -> None:
    """Plain, structured and secret values are read, a missing required one is an error, and secrets stay secret."""
    stack.config = {"proj:size": "3", "proj:list": '["x"]', "proj:token": "hush"}
    stack.secret_keys = frozenset({"proj:token"})
    program = """
        config = pulumi.Config()
        Item("a", name="a", value=[config.require_int("size"), config.require_object("list")])
        Item("b", name="b", value=config.require_secret("token"))
        pulumi.export("stack", pulumi.get_stack() + "/" + pulumi.get_project())
    """
    result = stack.up(program)
    assert stack.cloud.by_name() == {"a": [3, ["x"]], "b": "hush"}
    assert result.outputs == {"stack": "test/proj"}
    assert step(stack.preview(), "b").inputs["value"] == "[secret]"
    with pytest.raises(EngineError, match="proj:absent"):
        stack.up('pulumi.Config().require("absent")')


@pytest.mark.parametrize("provider_knows_secrets", [True, False])
def test_secrets_stay_marked(stack: Stack, provider_knows_secrets: bool) -> None:  # noqa: FBT001
    """A secret input marks the output of the same name, what is made of it, and all of them in the state."""
    stack.providers["kv"] = lambda: KvProvider(stack.cloud, secrets=provider_knows_secrets)
    program = """
        a = Item("a", Opts(additional_secret_outputs=["region"]), name="a", value=pulumi.Output.secret("hush"))
        b = Item("b", name="b", value=pulumi.Output.concat("made of ", a.value))
        pulumi.export("value", b.value)
        pulumi.export("region", a.region)
        pulumi.export("name", a.name)
    """
    result = stack.up(program)
    assert result.secret_outputs == {"value", "region"}
    assert result.outputs == {"value": "made of hush", "region": "here", "name": "a"}
    assert stack.cloud.by_name() == {"a": "hush", "b": "made of hush"}
    again = stack.up()
    assert not again.changed
    assert again.secret_outputs == {"value", "region"}
    assert stack.preview().outputs == {"value": "[secret]", "region": "[secret]", "name": "a"}
    assert stack.state_path.stat().st_mode & 0o777 == 0o600
    shown = [event for event in stack.events if not (isinstance(event, Message) and event.severity == "debug")]
    assert "hush" not in repr(shown)


def test_what_the_program_says_is_passed_on(stack: Stack) -> None:
    """Its output and its log lines become messages."""
    stack.up("""
        import sys
        print("to stdout")
        print("to stderr", file=sys.stderr)
        pulumi.log.warn("a warning", Item("a", name="a"))
    """)
    messages = {(event.severity, event.text) for event in stack.events if isinstance(event, Message)}
    assert {("output", "to stdout"), ("output", "to stderr"), ("warning", "a warning")} <= messages


def test_the_environment_does_not_configure_the_program(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the SDK would read from the environment is not there: the configuration is the stack's alone."""
    monkeypatch.setenv("PULUMI_CONFIG", '{"proj:leaked": "x"}')
    monkeypatch.setenv("PULUMI_CONFIG_PROJ_LEAKED", "x")
    assert stack.up('pulumi.export("leaked", pulumi.Config().get("leaked") or "nothing")').outputs == {
        "leaked": "nothing"
    }


def test_stack_transformations_work(stack: Stack) -> None:
    """The SDK's own transformations change what is registered."""
    stack.up("""
        def shout(args):
            return pulumi.ResourceTransformationResult({**args.props, "value": "loud"}, args.opts)
        pulumi.runtime.register_stack_transformation(shout)
        Item("a", name="a", value="quiet")
    """)
    assert stack.cloud.by_name() == {"a": "loud"}


def test_the_program_runs_in_its_own_folder_with_its_own_modules(stack: Stack) -> None:
    """The working directory is the program's, and the engine's modules do not shadow its own."""
    (stack.program_folder / "values.py").write_text("MINE = 'mine'")
    (stack.program_folder / "note.txt").write_text("read")
    result = stack.up("""
        import values
        pulumi.export("mine", values.MINE + open("note.txt").read())
    """)
    assert result.outputs == {"mine": "mineread"}


def test_files_count_by_content(stack: Stack) -> None:
    """Moving a file changes nothing, changing its content updates; archives too, and no path is in the state."""
    program = """
        Item("a", name="a", source=pulumi.FileAsset("{0}"), value=pulumi.AssetArchive({{
            "one": pulumi.StringAsset("text"), "dir": pulumi.FileArchive("{1}"),
        }}))
    """
    folder = stack.program_folder
    for place in ("x", "y"):
        (folder / place).mkdir()
        (folder / place / "f").write_text("content")
    stack.up(program.format("x/f", "x"))
    assert stack.entry("a")["inputs"]["source"]["hash"]
    assert str(folder) not in stack.state_path.read_text()
    assert not stack.up(program.format("y/f", "y")).changed
    (folder / "y" / "f").write_text("changed")
    assert step(stack.up(), "a").paths == ("source", "value")
    with pytest.raises(EngineError, match="No such file"):
        stack.up('Item("a", name="a", source=pulumi.FileAsset("absent"))')
    with pytest.raises(EngineError, match="would have to be fetched"):
        stack.up('Item("a", name="a", source=pulumi.RemoteAsset("https://example.com/"))')


def test_a_resource_that_is_handed_over_is_kept(stack: Stack) -> None:
    """Reading what was managed before ends the management and keeps the resource; reading another one deletes it."""
    stack.up('Item("a", name="a")')
    stack.up('Item.get("a", "id-1")')
    assert stack.cloud.mutations() == []
    stack.up('Item("a", name="b")')
    assert sorted(stack.cloud.by_name()) == ["a", "b"]
    stack.up('Item.get("a", "id-1")')
    assert sorted(stack.cloud.by_name()) == ["a"]
    assert stack.cloud.mutations() == ["delete b"]
