"""What a RetrieveService remembers of studies, empty."""

from radgate_server.services.retrieve.study_doubts import RefusedInstances, StudyDoubts
from tests.fakes.clock import FakeClock
from tests.fakes.telemetry import RecordingTelemetry


def memories() -> tuple[StudyDoubts, RefusedInstances]:
    return StudyDoubts(RecordingTelemetry()), RefusedInstances(FakeClock())
