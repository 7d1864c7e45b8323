"""README and docs are true: outputs are the program's, commands run as they stand, links lead somewhere."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.connect_samples import sample
from cli.connect_snippets import find_form
from localcloud import emulator as emulators
from localcloud import place as places
from localcloud import plan as planning
from localcloud.dependencies import ROOT, project
from policies.retention import PROFILES
from stacks.settings import DEFAULTS, parse
from tests.local.shell.person import Place

PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
README, AGENTS, AWS, COMMANDS = (PAGES[name] for name in ("README.md", "docs/agents.md", "docs/aws.md", "docs/cli.md"))


def blocks(page: str, language: str) -> list[str]:
    """Return a page's code blocks of a language, in order."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, fresh_checkout: Callable[[Path], Path]) -> Iterator[Place]:
    """Yield a checkout in which `make up` has been run, with the commands of `.venv` at their place."""
    found = Place(checkout=fresh_checkout(tmp_path_factory.mktemp("readme")))
    (found.checkout / ".venv").symlink_to(sys.prefix)
    try:
        found.first = found.up()
        yield found
    finally:
        emulators.stop(state_dir=found.checkout / places.EMULATOR.relative_to(places.ROOT))


def without_chance(text: str) -> str:
    """Replace what differs from run to run: ports, addresses, tokens."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"/lambda-url/\w+", "/lambda-url/ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    return re.sub(r"aal_[\w-]{43}", "TOKEN", text)


def assert_quotes(quoted: str, output: str) -> None:
    """Assert that `quoted` is `output`, but for what `…` leaves out."""
    pattern = ".*".join(re.escape(part) for part in without_chance(quoted).split("…\n"))
    assert re.search(pattern, without_chance(output), re.DOTALL), output


def test_quoted_up_is_what_it_says(place: Place) -> None:
    """The first screen is what `make up` prints on a fresh checkout."""
    quoted = next(block for block in blocks(README, "console") if block.startswith("$ make up\n"))
    first_install = project().announcement("run")
    assert_quotes(quoted.removeprefix("$ make up\n"), f"{first_install}\n{place.first}")


def test_quoted_costs_are_what_plan_says() -> None:
    """The costs are those of `make plan`."""
    quoted = next(block for block in blocks(AWS, "console") if block.startswith("$ make plan\n"))
    config = {"aws:region": planning.REGION}
    plan = planning.preview(stack=planning.STACK, config=config)
    lines = planning.describe(plan, stack=planning.STACK, settings=parse(config), today=planning.now())
    assert_quotes(quoted.removeprefix("$ make plan\n"), "\n".join(lines) + "\n")


def test_agents_commands_run_as_they_stand(place: Place) -> None:
    """What an agent's owner pastes works: the call is acknowledged, then found, without the secret that was in it."""
    environment = place.environment(http_proxy="", HTTP_PROXY="")
    said = ""
    for text in blocks(README, "sh"):
        answer = subprocess.run(
            ["bash", "-e"], input=text, cwd=place.checkout, env=environment, capture_output=True, text=True,
            check=False, timeout=100,
        )  # fmt: skip
        assert answer.returncode == 0, answer.stdout + answer.stderr
        said += answer.stdout
    assert "api.stripe.com/v1/charges" in said
    assert "sk_live_51H" not in said
    assert b"sk_live_51H" not in place.stored()


def test_quoted_check_of_a_connection_is_what_it_says(place: Place) -> None:
    """What `connect --check` is quoted to print is what it prints here."""
    quoted = next(block for block in blocks(AGENTS, "console") if "connect" in block.partition("\n")[0])
    command, _, expected = quoted.removeprefix("$ ").partition("\n")
    answer = subprocess.run(
        command.split(), cwd=place.checkout, env=place.environment(), capture_output=True, text=True, check=False,
        timeout=100,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert_quotes(expected, answer.stdout)


def test_agents_are_connected_as_the_table_says(place: Place) -> None:
    """Each command of the table is one, and what it prints is sent to the path in its row."""
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+`) \| [^|]+ \| (`/v1/[^|]+`) \|$", AGENTS, re.MULTILINE)
    assert len(rows) == 8
    for commands, paths in rows:
        for command in re.findall(r"`([^`]+)`", commands):
            platform, _, form = command.partition(" ")
            assert sample(find_form(platform, form or None).wire).path in re.findall(r"`([^`]+)`", paths)
    (paste,) = re.findall(r"`(eval [^`]+)`", AGENTS)
    answer = subprocess.run(
        ["bash", "-eu"], input=f"{paste}\nenv", cwd=place.checkout, env=place.environment(), capture_output=True,
        text=True, check=True, timeout=60,
    )  # fmt: skip
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={place.outputs['endpoint']}\n" in answer.stdout
    assert place.outputs["token"] not in answer.stderr


def test_settings_for_aws_are_settings() -> None:
    """Every `pulumi config set` of the page is a setting that the program takes, together with the others."""
    sequence = next(block for block in blocks(AWS, "sh") if "pulumi stack init" in block)
    config: dict[str, str] = {}
    for path, key, value in re.findall(r"^pulumi config set (--path )?(\S+) (\S+)$", sequence, re.MULTILINE):
        name = key.strip("'")
        full = name if ":" in name else f"agent-audit-log:{name}"
        config[full.removesuffix("[0]")] = json.dumps([value]) if path else value
    settings = parse(config)
    assert (settings.profile.name, settings.agents[0].name) == ("trial", "my-agent")
    (stack,) = re.findall(r"pulumi stack init (\S+)", sequence)
    assert re.findall(r"--stack (\S+)", sequence) == [stack, stack]
    assert f"audit-log token show {settings.agents[0].name} " in sequence


def test_profiles_are_described_as_they_are() -> None:
    """What the page says of profiles and defaults is what the policies say."""
    for name, profile in PROFILES.items():
        days = {"trial": "a day", "custom": "90"}.get(name, f"{profile.minimum.days} days")
        assert f"`{name}`" in AWS
        if name in {"trial", "custom", "standard", "regulated"}:
            assert days in AWS
    assert DEFAULTS["profile"] == "standard"
    assert f"acknowledgeCompliance compliance-{PROFILES['regulated'].minimum.days}" in AWS.replace("\n", " ")
    assert [name for name, profile in PROFILES.items() if not profile.protect] == ["trial"]


def test_every_make_target_exists() -> None:
    """Every `make …` that any page names is a target, and the page on commands names all that are for users."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {name for page in PAGES.values() for name in re.findall(r"`make ([a-z]+)[^`]*`", page)} <= targets
    assert set(re.findall(r"^- `make ([a-z]+)`", COMMANDS, re.MULTILINE)) == targets - {"lint"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link, heading, and file that is named in backticks with a folder, is there."""
    path, text = ROOT / page, PAGES[page]
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (path.parent / target).exists(), target
    for target, heading in re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", text):
        linked = (path.parent / target if target else path).read_text(encoding="utf-8")
        titles = re.findall(r"^#+ (.+)$", linked, re.MULTILINE)
        assert heading in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, heading
    for named in re.findall(r"`((?:tests|cli|policies|stacks|components|localcloud|lambda)/[\w./-]+)`", text):
        assert (ROOT / named).exists() or "Pulumi." in named, named
