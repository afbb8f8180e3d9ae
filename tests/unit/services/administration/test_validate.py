import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from radgate_server.core.errors import (
    ConfigurationError,
    InstanceNotSentError,
    PacsAbortedError,
    PacsCredentialsError,
    PacsError,
    PacsFailedError,
    PacsRejectedError,
    PacsTimeoutError,
    PacsUnreachableError,
)
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    HttpAuth,
    HttpAuthMethod,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
)
from radgate_server.core.pacs.ports import EchoReport, PacsClient
from radgate_server.core.pacs.validation import CheckOutcome, ValidationReport
from radgate_server.core.query.model import FindResult, Query
from radgate_server.core.secrets.secret import Secret
from radgate_server.services.administration.validation import Validator
from radgate_server.services.administration.validation_checks import CHECKS
from tests.conformance.pacs_suite import config_of
from tests.fakes.clock import START, FakeClock
from tests.fakes.instances import STUDY, make_study
from tests.fakes.memory_pacs import MemoryPacs
from tests.fakes.waiting import until

DIMSE = DimseConnection("pacs.example", 104, "PACS", "RADGATE")
WEB = DicomWebConnection("https://pacs.example/rs")
PASSED, WARNING = CheckOutcome.PASSED, CheckOutcome.WARNING
FAILED, SKIPPED = CheckOutcome.FAILED, CheckOutcome.SKIPPED
JPEG, PLAIN = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.1"


class Describer:
    """PacsDescriber that says the same each time."""

    def __init__(self, capabilities: Capabilities) -> None:
        self._capabilities = capabilities

    async def describe(self) -> Capabilities:
        return self._capabilities


def able(*methods: RetrieveMethod, syntaxes: tuple[str, ...] = (PLAIN, JPEG)) -> Describer:
    return Describer(Capabilities(retrieve_methods=methods, transfer_syntax_uids=syntaxes))


@pytest.fixture
def pacs() -> MemoryPacs:
    return MemoryPacs(make_study(2))


async def validate(
    client: PacsClient, connection: PacsConnection = WEB, *, clock: FakeClock | None = None, deadline_s: float = 10
) -> ValidationReport:
    validator = Validator({connection.kind: lambda _: client}, clock or FakeClock(), deadline_s=deadline_s)
    reported: list[str] = []
    report = await validator.validate(config_of(connection), lambda check: reported.append(check.name))
    assert tuple(reported) == tuple(check.name for check in report.checks) == CHECKS
    assert report.passed is all(check.outcome is not FAILED for check in report.checks)
    assert report.time == START or clock is not None
    return report


def outcomes(report: ValidationReport) -> list[CheckOutcome]:
    return [check.outcome for check in report.checks]


async def test_a_good_pacs_passes(pacs: MemoryPacs) -> None:
    report = await validate(replace(pacs.client, describer=able()))
    assert outcomes(report) == [PASSED] * 6
    assert pacs.closed
    assert pacs.sent == 1


async def test_an_empty_pacs_passes_too() -> None:
    report = await validate(MemoryPacs().client)
    assert outcomes(report) == [PASSED] * 4 + [SKIPPED] * 2
    assert "holds no study" in report.checks[2].message


@pytest.mark.parametrize(
    ("method", "methods", "outcome", "advice"),
    [
        (RetrieveMethod.GET, (RetrieveMethod.GET, RetrieveMethod.MOVE), PASSED, "C-GET"),
        (RetrieveMethod.MOVE, (RetrieveMethod.MOVE,), PASSED, "C-MOVE"),
        (RetrieveMethod.GET, (RetrieveMethod.MOVE,), FAILED, "set its retrieve method to move"),
        (RetrieveMethod.MOVE, (), FAILED, "neither C-GET nor C-MOVE"),
    ],
)
async def test_over_dimse_the_method_must_be_accepted(
    pacs: MemoryPacs,
    method: RetrieveMethod,
    methods: tuple[RetrieveMethod, ...],
    outcome: CheckOutcome,
    advice: str,
) -> None:
    report = await validate(replace(pacs.client, describer=able(*methods)), replace(DIMSE, retrieve_method=method))
    assert report.checks[4].outcome is outcome
    assert advice in report.checks[4].message
    assert report.checks[5].outcome is (PASSED if outcome is PASSED else SKIPPED)
    assert pacs.sent == 0


async def test_nothing_compressed_is_a_warning(pacs: MemoryPacs) -> None:
    report = await validate(replace(pacs.client, describer=able(RetrieveMethod.GET, syntaxes=(PLAIN,))), DIMSE)
    assert outcomes(report) == [PASSED] * 5 + [WARNING]


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (PacsUnreachableError("refused", pacs="main"), "check host and port"),
        (PacsTimeoutError("silent", pacs="main"), "says nothing"),
        (PacsAbortedError("broken", pacs="main"), "wants TLS"),
        (PacsFailedError("failed", pacs="main"), "check the address"),
    ],
)
async def test_out_of_reach(pacs: MemoryPacs, error: PacsError, advice: str) -> None:
    pacs.refuse_with = error
    report = await validate(pacs.client)
    assert outcomes(report) == [FAILED] + [SKIPPED] * 5
    assert report.checks[0].message.startswith(f"{error.message}; ")
    assert advice in report.checks[0].message
    assert pacs.closed


SECRETIVE = replace(WEB, auth=HttpAuth(HttpAuthMethod.BEARER), password=Secret("s3cret"))


@pytest.mark.parametrize(
    ("error", "connection", "advice"),
    [
        (PacsCredentialsError("refused", pacs="main"), WEB, "has been given none"),
        (PacsCredentialsError("refused", pacs="main"), SECRETIVE, "check user, password or token"),
        (PacsRejectedError("no", pacs="main", rejection="called-aet"), DIMSE, "the right one"),
        (PacsRejectedError("no", pacs="main", rejection="calling-aet"), DIMSE, "enter the calling AE title"),
        (PacsRejectedError("no", pacs="main"), DIMSE, "check both AE titles"),
    ],
)
async def test_not_let_in(pacs: MemoryPacs, error: PacsError, connection: PacsConnection, advice: str) -> None:
    pacs.refuse_with = error
    report = await validate(pacs.client, connection)
    assert outcomes(report) == [PASSED, FAILED] + [SKIPPED] * 4
    assert advice in report.checks[1].message
    assert "s3cret" not in repr(report)


class Careless(MemoryPacs):
    """A PACS that answers every query with all that it has."""

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        return await super().find(replace(query, keys=()), max_results=max_results)


async def test_answers_that_were_not_asked_for_are_a_warning() -> None:
    report = await validate(Careless(make_study(1)).client)
    assert report.checks[2].outcome is WARNING
    assert report.passed


class Slow(MemoryPacs):
    """A PACS that takes its time for a health check."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        super().__init__(make_study(1))
        self._clock, self._seconds = clock, seconds

    async def echo(self) -> EchoReport:
        self._clock.advance(self._seconds)
        return await super().echo()


@pytest.mark.parametrize(("seconds", "outcome"), [(0.9, PASSED), (1.1, WARNING)])
async def test_slow_answers_are_a_warning(seconds: float, outcome: CheckOutcome) -> None:
    clock = FakeClock()
    report = await validate(Slow(clock, seconds).client, clock=clock)
    assert report.checks[3].outcome is outcome
    assert f"{seconds * 1000:.0f} ms" in report.checks[3].message
    assert report.checks[0].duration_ms == pytest.approx(seconds * 1000)


def omit(pacs: MemoryPacs, uid: str) -> None:
    pacs.omitted.add(uid)


def fail(pacs: MemoryPacs, uid: str) -> None:
    pacs.failing[uid] = InstanceNotSentError("the PACS keeps it", pacs="main")


@pytest.mark.parametrize(("spoil", "text"), [(omit, "did not send"), (fail, "keeps it")])
async def test_an_instance_that_does_not_come_is_a_failure(
    pacs: MemoryPacs, spoil: Callable[[MemoryPacs, str], None], text: str
) -> None:
    for number in (1, 2):
        spoil(pacs, f"{STUDY}.1.{number}")
    report = await validate(pacs.client, OrthancConnection("http://pacs.example"))
    assert outcomes(report) == [PASSED] * 4 + [FAILED, SKIPPED]
    assert text in report.checks[4].message
    assert "may read" in report.checks[4].message


async def test_silence_ends_at_the_deadline(pacs: MemoryPacs) -> None:
    pacs.silence()
    report = await validate(pacs.client, deadline_s=0.01)
    assert outcomes(report) == [FAILED] + [SKIPPED] * 5
    assert "within 0.01 s" in report.checks[0].message
    assert pacs.closed


async def test_settings_that_make_no_client() -> None:
    def refuse(_: PacsConfig) -> PacsClient:
        raise ConfigurationError("a certificate or key file can't be used")

    report = await Validator({"dicomweb": refuse}, FakeClock()).validate(config_of(WEB))
    assert outcomes(report) == [FAILED] + [SKIPPED] * 5
    assert report.checks[0].message == "a certificate or key file can't be used"


async def test_giving_up_closes_the_client(pacs: MemoryPacs) -> None:
    pacs.silence()
    task = asyncio.create_task(Validator({"dicomweb": lambda _: pacs.client}, FakeClock()).validate(config_of(WEB)))
    await until(lambda: bool(pacs.calls))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pacs.closed
