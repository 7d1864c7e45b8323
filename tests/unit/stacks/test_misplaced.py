"""A setting that stands where nothing reads it is refused with the key that is right."""

from pathlib import Path

import pytest

from cli.exits import CouldNot
from cli.stack_file import StackFile
from stacks import settings
from stacks.misplaced import top_keys
from stacks.settings import SettingError, parse

REGION = {"aws:region": "eu-central-1"}


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("retentionDays", "agent-audit-log:retentionDays"),
        ("retention_days", "agent-audit-log:retentionDays"),
        ("retentionDay", "agent-audit-log:retentionDays"),
        ("profile", "agent-audit-log:profile"),
        ("audit-log:agents", "agent-audit-log:agents"),
        ("agent_audit_log:maskRules", "agent-audit-log:maskRules"),
    ],
)
def test_a_setting_under_another_prefix_is_refused(key: str, right: str) -> None:
    """It would be ignored, and the default would apply."""
    with pytest.raises(SettingError, match=f"^{key}: must be written {right}"):
        parse({**REGION, key: "30"})


@pytest.mark.parametrize("key", ["retentionDay", "retentiondays", "maskrules", "agent"])
def test_a_misspelt_setting_is_named(key: str) -> None:
    """With the one that was meant."""
    with pytest.raises(SettingError, match=r"is not a setting; did you mean (retentionDays|maskRules|agents)\?"):
        parse({**REGION, f"agent-audit-log:{key}": "30"})


def test_what_is_other_peoples_is_left_alone() -> None:
    """The providers' own keys, and other projects' settings with other names."""
    others = {"aws:profile": "work", "pulumi:tags": "{}", "azure-native:environment": "public", "shop:colour": "red"}
    assert parse({**REGION, **others}) == parse(REGION)


@pytest.mark.parametrize("line", ["retentionDays: 30", "agent-audit-log:retentionDays: 30", "'profile': trial"])
def test_a_setting_beside_config_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """By what reads the file for the local cloud, and by the program itself under `pulumi up`."""
    path = tmp_path / "Pulumi.prod.yaml"
    path.write_text(f"encryptionsalt: v1:x\nconfig:\n  aws:region: eu-central-1\n{line}\n")
    with pytest.raises(CouldNot, match="must stand under `config:` as agent-audit-log:"):
        StackFile(path)
    monkeypatch.setattr(settings, "_stack_file", lambda: path)
    with pytest.raises(SettingError, match="must stand under `config:` as agent-audit-log:"):
        settings.read()


def test_pulumis_own_keys_are_not_settings() -> None:
    """The file as Pulumi writes it passes, comments and all."""
    text = "# ours\nsecretsprovider: passphrase\nencryptionsalt: v1:x\nconfig:\n  agent-audit-log:profile: trial\n"
    assert top_keys(text) == ["secretsprovider", "encryptionsalt", "config"]
    settings.refuse_beside_config(top_keys(text))
