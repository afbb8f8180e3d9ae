"""Rotating, wrapping again, pruning, and who may."""

from datetime import timedelta

import pytest

from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.errors import RoleNotAllowedError
from radgate_server.core.secrets.secret import SealedSecret, Secret, SecretContext, parse_reference
from radgate_server.services.audit.recording import Auditor
from radgate_server.services.secrets.administration import SETTLING, RewrapProgress, SecretAdmin, VersionStatus
from radgate_server.services.secrets.reference_policy import ReferencePolicy
from tests.fakes.audit import RecordingAuditSink
from tests.fakes.clock import FakeClock
from tests.fakes.keys import MemoryKeys

OPERATOR = Caller(Principal("cli", (ANY_TENANT,), Role.ADMIN), "", "local", "test", "1")
NORTH = Caller(Principal("k1", ("north",), Role.ADMIN), "north", "192.0.2.7", "test", "2")


class Bench:
    """A keeper over three secrets under version 1."""

    def __init__(self) -> None:
        self.keys, self.audit, self.clock = MemoryKeys(), RecordingAuditSink(), FakeClock()
        self.keeper = SecretAdmin(self.keys, self.keys, self.keys, Auditor(self.audit, self.clock), self.clock)

    async def fill(self) -> None:
        for name in ("a", "b", "c"):
            context = SecretContext("north", name)
            self.keys.stored[context] = await self.keys.seal(Secret(name), context)


@pytest.fixture
async def bench() -> Bench:
    bench = Bench()
    await bench.fill()
    return bench


async def test_a_rotation_is_recorded_and_reports_what_is_to_be_done(bench: Bench) -> None:
    assert await bench.keeper.rotate(OPERATOR) == "2"
    assert bench.audit.entries[-1].detail == "rotate the key of secrets"
    assert list(await bench.keeper.status(OPERATOR)) == [
        VersionStatus("1", None, current=False, secrets=3),
        VersionStatus("2", None, current=True, secrets=0),
    ]


async def test_everything_is_wrapped_again_with_progress_and_then_nothing(bench: Bench) -> None:
    await bench.keeper.rotate(OPERATOR)
    reported: list[RewrapProgress] = []
    assert await bench.keeper.rewrap(reported.append) == RewrapProgress(3, 0, 3)
    assert [progress.done for progress in reported] == [1, 2, 3]
    assert {bench.keys.key_of(sealed) for sealed in bench.keys.stored.values()} == {"2"}
    assert [(await bench.keys.open(sealed)).reveal() for sealed in bench.keys.stored.values()] == ["a", "b", "c"]
    assert await bench.keeper.rewrap() == RewrapProgress(0, 0, 0)


async def test_one_that_does_not_open_holds_up_no_other(bench: Bench) -> None:
    await bench.keeper.rotate(OPERATOR)
    lost = SecretContext("north", "b")
    bench.keys.stored[lost] = SealedSecret(lost, b"b", b"0|b|b")
    assert await bench.keeper.rewrap() == RewrapProgress(2, 1, 3)
    assert next(iter(await bench.keeper.status(OPERATOR))) == VersionStatus("0", None, current=False, secrets=1)


async def test_only_what_nothing_is_under_is_pruned(bench: Bench) -> None:
    await bench.keeper.rotate(OPERATOR)
    await bench.keeper.rotate(OPERATOR)
    assert list(await bench.keeper.prune(OPERATOR)) == ["2"]
    await bench.keeper.rewrap()
    assert list(await bench.keeper.prune(OPERATOR)) == ["1"]
    assert bench.audit.entries[-1].detail == "prune the keys of secrets"


async def test_what_was_replaced_just_now_is_not_pruned_yet(bench: Bench) -> None:
    await bench.keeper.rotate(OPERATOR)
    bench.keys.times["2"] = bench.clock.now()
    await bench.keeper.rewrap()
    assert list(await bench.keeper.prune(OPERATOR)) == []
    bench.clock.advance((SETTLING + timedelta(seconds=1)).total_seconds())
    assert list(await bench.keeper.prune(OPERATOR)) == ["1"]


async def test_a_tenants_administrator_may_do_nothing_of_that(bench: Bench) -> None:
    for do in (bench.keeper.status, bench.keeper.rotate, bench.keeper.prune):
        with pytest.raises(RoleNotAllowedError):
            await do(NORTH)
    assert not bench.audit.entries


@pytest.mark.parametrize(
    ("text", "prefix", "allowed"),
    [
        ("env:RADGATE_DATABASE_URL", "radgate/{tenant}/", False),
        ("file:/etc/shadow", "radgate/{tenant}/", False),
        ("vault:radgate/north/main#password", "radgate/{tenant}/", True),
        ("vault:radgate/south/main#password", "radgate/{tenant}/", False),
        ("vault:radgate/northern#password", "radgate/{tenant}/", False),
        ("vault:radgate/north/main#password", "", False),
        ("aws-secretsmanager:radgate/north/main", "radgate/{tenant}/", True),
        ("aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:radgate/north/main", "radgate/{tenant}/", False),
    ],
)
def test_what_a_tenants_administrator_may_refer_to(text: str, prefix: str, allowed: bool) -> None:
    policy, reference = ReferencePolicy(prefix), parse_reference(text, "ref")
    policy.check(OPERATOR, reference)
    policy.check(NORTH, Secret("given"))
    if allowed:
        policy.check(NORTH, reference)
    else:
        with pytest.raises(RoleNotAllowedError):
            policy.check(NORTH, reference)
