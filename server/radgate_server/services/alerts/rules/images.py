"""Image workers and jobs."""

from radgate_server.core.alerts.alert import Severity
from radgate_server.services.alerts.measures import Growth, Value, above, series
from radgate_server.services.alerts.rule import Rule
from radgate_server.services.alerts.rules.windows import EVENT_S

RULES = (
    Rule(
        "RadgateImageWorkersFailing",
        Severity.WARNING,
        Growth(
            series("radgate_image_workers_ended_total", cause="crashed|timed-out|not-started|broken-answer"), EVENT_S
        ),
        above(2),
        0,
        "Image workers{at} crash or hang",
        "See the server's log for the codec that fails; other images are still served. not-started: the machine has no"
        " memory or processes left.",
    ),
    Rule(
        "RadgateImagesWaiting",
        Severity.WARNING,
        Value(series("radgate_image_oldest_waiting_seconds", priority="interactive")),
        above(5),
        60,
        "Images{at} wait for a worker",
        "Give the server more processors and imaging.workers, or see who asks for so many. Beyond imaging.max_waiting,"
        " calls are refused.",
    ),
    Rule(
        "RadgateJobsFailing",
        Severity.WARNING,
        Growth(series("radgate_jobs_ended_total", "kind", state="failed"), EVENT_S),
        above(0),
        0,
        "Jobs of the kind {kind} fail",
        "GET /api/v1/jobs has the reason of each.",
    ),
)
