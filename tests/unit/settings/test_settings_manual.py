"""docs/configuration.md says what the settings say."""

from scripts.settings_manual import MANUAL, manual


def test_the_manual_is_current() -> None:
    assert MANUAL.read_text(encoding="utf-8") == manual(), "run scripts/settings_manual.py"
