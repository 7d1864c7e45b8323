"""`audit-log plan`: the deployer's policy, for any stack, without an account."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.exits import COULD_NOT
from cli.main import main
from policies.deployer import MAX_CHARACTERS

ACCOUNT = "210987654321"


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["plan", "--deployer-policy", *arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project's folder, which is the working directory; its stack files are the test's."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: agent-audit-log\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_prints_documents_for_the_stack_alone(project: Path) -> None:
    """The policy names the region of the stack's file, the account and the stack."""
    (project / "stacks" / "Pulumi.shop.yaml").write_text("config:\n  aws:region: eu-west-3\n")
    done = _run("--stack", "shop", "--account", ACCOUNT)
    assert (done.exit_code, done.stderr) == (0, "")
    documents = json.loads(done.stdout)
    text = json.dumps(documents)
    assert f"arn:aws:s3:::agent-audit-log-shop-{ACCOUNT}-eu-west-3" in text
    assert f"arn:aws:lambda:eu-west-3:{ACCOUNT}:function:agent-audit-log-shop-writer" in text
    assert "us-east-1" not in text
    assert all(len(json.dumps(document, separators=(",", ":"))) <= MAX_CHARACTERS for document in documents)


@pytest.mark.usefixtures("project")
def test_without_a_file_or_an_account_it_says_what_stands_for_them() -> None:
    """A note says that the account number is an example, so that nobody pastes it unnoticed."""
    done = _run("--stack", "shop")
    assert done.exit_code == 0
    assert "123456789012 stands for your account" in done.stderr
    assert "arn:aws:sns:us-east-1:123456789012:agent-audit-log-shop-alarms" in done.stdout


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("eu-west-1", "aws")]
)
def test_the_arns_are_of_the_regions_partition(region: str, partition: str) -> None:
    """A policy with another partition's ARNs allows nothing."""
    documents = json.loads(_run("--account", ACCOUNT, "--region", region).stdout)
    arns = {arn for document in documents for statement in document["Statement"] for arn in statement["Resource"]}
    assert {arn.split(":")[1] for arn in arns if arn != "*"} == {partition}


@pytest.mark.parametrize("prefix", ["agent-audit-log:", ""])
def test_boundary_and_path_in_the_stack_file_are_those_of_the_roles(project: Path, prefix: str) -> None:
    """The program gives each role that boundary and path, also under keys without the project's name."""
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/edge"
    (project / "stacks" / "Pulumi.shop.yaml").write_text(
        f"config:\n  aws:region: eu-west-3\n  {prefix}permissionsBoundary: {boundary}\n  {prefix}rolePath: /audit/\n"
    )
    documents = json.loads(_run("--stack", "shop", "--account", ACCOUNT).stdout)
    (bound,) = [s for document in documents for s in document["Statement"] if "iam:CreateRole" in s["Action"]]
    assert bound["Condition"] == {"ArnEquals": {"iam:PermissionsBoundary": boundary}}
    assert all(arn.startswith(f"arn:aws:iam::{ACCOUNT}:role/audit/agent-audit-log-shop-") for arn in bound["Resource"])


def test_it_writes_a_file_for_each_document(project: Path) -> None:
    """`aws iam create-policy --policy-document file://…` takes the files as they are."""
    done = _run("--account", ACCOUNT, "--out", str(project / "out"))
    written = [Path(line) for line in done.stdout.splitlines()]
    assert [path.name for path in written] == [f"agent-audit-log-prod-deployer-{n}.json" for n in (1, 2)]
    assert [json.loads(path.read_text()) for path in written] == json.loads(_run("--account", ACCOUNT).stdout)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "wrong", [("--stack", "Shop"), ("--stack", "a" * 17), ("--account", "12"), ("--region", "somewhere")]
)
def test_names_that_no_service_takes_are_refused(wrong: tuple[str, str]) -> None:
    """Such a policy would allow nothing."""
    done = _run(*wrong)
    assert done.exit_code == COULD_NOT
    assert wrong[1] in done.stderr


@pytest.mark.parametrize("option", [["--account", ACCOUNT], ["--region", "eu-west-3"], ["--out", "policies"]])
def test_an_option_of_the_policy_alone_is_refused_without_it(option: list[str]) -> None:
    """The plan would show another account or region than the one asked for."""
    done = CliRunner().invoke(main, ["plan", *option])
    assert (done.exit_code, f"{option[0]}: only with --deployer-policy" in done.stderr) == (COULD_NOT, True)


def test_a_plan_that_cannot_be_made_exits_with_2(capfd: pytest.CaptureFixture[str]) -> None:
    """The code 1 would mean that something was found."""
    assert CliRunner().invoke(main, ["plan", "--stack", "local"]).exit_code == COULD_NOT
    assert "STACK=local: must be" in capfd.readouterr().err
