from scripts.metrics_manual import MANUAL, manual


def test_the_manual_is_what_the_catalogue_says() -> None:
    assert MANUAL.read_text(encoding="utf-8") == manual(), "run scripts/metrics_manual.py"
