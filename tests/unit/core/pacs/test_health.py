import pytest

from radgate_server.core.pacs.health import Health, Liveness, health_by_liveness

ASKED_AT_S, PATIENCE_S = 100.0, 10.0


@pytest.mark.parametrize(
    ("liveness", "health"),
    [
        # nobody is at work there, or nobody has waited for long
        (Liveness(), Health.UNKNOWN),
        (Liveness(heard_at_s=99.9), Health.UNKNOWN),
        (Liveness(heard_at_s=99.9, silent_s=9.9), Health.UNKNOWN),
        (Liveness(silent_s=9.9), Health.UNKNOWN),
        # heard of since
        (Liveness(heard_at_s=100.0), Health.UP),
        (Liveness(heard_at_s=104.0, silent_s=1.0), Health.UP),
        # patience is at an end
        (Liveness(heard_at_s=90.0, silent_s=10.0), Health.DOWN),
        (Liveness(silent_s=10.0), Health.DOWN),
        # what came later than the question counts, however long the wait was since
        (Liveness(heard_at_s=100.0, silent_s=60.0), Health.UP),
    ],
)
def test_who_can_not_be_asked_is_judged_by_those_at_work(liveness: Liveness, health: Health) -> None:
    assert health_by_liveness(liveness, asked_at_s=ASKED_AT_S, patience_s=PATIENCE_S) is health
