"""What every implementation of core/access/ports/directory.py must do."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from radgate_server.core.access.ports.directory import (
    Change,
    ChangeFeed,
    ChangeKind,
    FailoverDirectory,
    FeedEpoch,
    KeyDirectory,
    PacsDirectory,
    StatusBoard,
    TenantDirectory,
)
from radgate_server.core.access.restriction import RestrictedPatient, make_restriction
from radgate_server.core.access.tenancy import ApiKey, Role, Tenant
from radgate_server.core.errors import InvalidArgumentError, ResourceExistsError, ResourceNotFoundError
from radgate_server.core.pacs.connections import (
    DicomWebConnection,
    DimseConnection,
    DimseTls,
    FailoverPolicy,
    FolderConnection,
    HttpAuth,
    HttpAuthMethod,
    HttpTls,
    OrthancConnection,
    PacsConfig,
    PacsConnection,
    RetrieveMethod,
    TlsProfile,
)
from radgate_server.core.pacs.failover import ActivePacs, Transition, TransitionCause
from radgate_server.core.pacs.health import BreakerState, Health, OperationState, PacsStatus
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels
from radgate_server.core.pacs.validation import Check, CheckOutcome, ValidationReport
from radgate_server.core.secrets.secret import NO_SECRET, Secret

START = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
NOW = datetime(2026, 7, 8, 9, 10, 11, 121314, tzinfo=UTC)

FOLDER = FolderConnection("/srv/images")
DIMSE = DimseConnection(
    host="pacs.example.org",
    port=104,
    called_aet="ARCHIVE",
    calling_aet="RADGATE",
    retrieve_method=RetrieveMethod.MOVE,
    max_associations=7,
    tls=DimseTls("/etc/ca.pem", "/etc/client.pem", "/etc/client.key", False, TlsProfile.MODIFIED, "pacs.internal"),
    username="radgate",
    password=Secret("so secret"),
    sender_aets=("NODE1", "NODE2"),
    sender_networks=("10.0.0.0/8", "fd00::/8"),
)
DICOMWEB = DicomWebConnection(
    url="https://pacs.example.org/dicom-web",
    wado_uri_url="https://pacs.example.org/wado",
    auth=HttpAuth(HttpAuthMethod.OAUTH2, "radgate", token_url="https://login.example.org/token", scope="dicom"),
    tls=HttpTls("/etc/ca.pem", "/etc/client.pem", "/etc/client.key"),
    max_connections=3,
    password=Secret("so secret"),
)
ORTHANC = OrthancConnection(
    url="http://orthanc.example.org:8042",
    auth=HttpAuth(HttpAuthMethod.BASIC, "radgate"),
    labels=StudyLabels(("research", "2026"), LabelsConstraint.ANY),
    password=Secret("so secret"),
)
REPORT = ValidationReport(
    NOW,
    (
        Check("connectivity", CheckOutcome.PASSED, "answered", 12.5),
        Check("transfer-syntaxes", CheckOutcome.WARNING, "no JPEG 2000", 3.25),
    ),
)


class Directory(TenantDirectory, KeyDirectory, PacsDirectory, FailoverDirectory, StatusBoard, ChangeFeed, Protocol):
    """All ports over one set of data."""


def tenant(tenant_id: str) -> Tenant:
    return Tenant(tenant_id, START)


def key(key_id: str, *tenant_ids: str, age: int = 0, role: Role = Role.VIEWER) -> ApiKey:
    return ApiKey(key_id, tenant_ids, role, f"label of {key_id}", START - timedelta(days=age), None, bytes(range(32)))


def pacs(tenant_id: str, name: str, connection: PacsConnection = FOLDER, *, backup_for: str = "") -> PacsConfig:
    return PacsConfig(tenant_id, name, connection, START, backup_for=backup_for)


async def add_group(directory: PacsDirectory) -> None:
    """The PACS main of tenant a with the backups spare and attic."""
    await directory.create_pacs(pacs("a", "main"))
    await directory.create_pacs(pacs("a", "spare", backup_for="main"))
    await directory.create_pacs(pacs("a", "attic", backup_for="main"))


def transition(
    from_pacs: str, to_pacs: str, cause: TransitionCause = TransitionCause.AUTOMATIC_FAILOVER, *, age: int = 0
) -> Transition:
    return Transition(NOW - timedelta(seconds=age), "a", "main", from_pacs, to_pacs, cause, "PACS_UNREACHABLE")


def status(tenant_id: str, name: str, health: Health = Health.UP) -> PacsStatus:
    operations = (OperationState("echo", BreakerState.CLOSED, 0), OperationState("find", BreakerState.HALF_OPEN, 5))
    return PacsStatus(tenant_id, name, NOW, health, 1.5, "", active=True, operations=operations)


class DirectorySuite:
    """A subclass gives the fixture `directory`: empty, its clock standing at NOW."""

    async def in_the_clear(self, directory: Directory, configs: Sequence[PacsConfig]) -> list[PacsConfig]:
        """What a directory gives back, with passwords that it has sealed opened."""
        return list(configs)

    @pytest.fixture
    async def pair(self, directory: Directory) -> Directory:
        """The directory with the tenants a and b."""
        await directory.create_tenant(tenant("a"))
        await directory.create_tenant(tenant("b"))
        return directory

    async def test_is_empty_at_first(self, directory: Directory) -> None:
        assert list(await directory.list_tenants()) == []
        assert list(await directory.list_keys("a")) == []
        assert list(await directory.list_pacs("a")) == []
        assert list(await directory.changes_after(0)) == []
        assert await directory.last_change() == 0
        assert await directory.find_key("k1") is None

    async def test_its_feed_reports_a_change_from_another_of_its_number(self, directory: Directory) -> None:
        assert await directory.epoch(0) == FeedEpoch(0, "")
        await directory.announce_invalidation("a", "2.25.1")
        first = await directory.epoch(1)
        assert first.mark
        await directory.announce_invalidation("a", "2.25.2")
        assert await directory.epoch(1) == FeedEpoch(2, first.mark)
        assert (await directory.epoch(1)).follows(1, first.mark)
        assert not FeedEpoch(2, "of another history").follows(1, first.mark)
        assert not FeedEpoch(0, "").follows(1, first.mark)

    async def test_lists_tenants_by_identifier(self, directory: Directory) -> None:
        for tenant_id in ("south", "north", "east-2"):
            await directory.create_tenant(tenant(tenant_id))
        assert list(await directory.list_tenants()) == [tenant("east-2"), tenant("north"), tenant("south")]

    async def test_says_of_one_tenant_that_it_hides_what_is_rejected(self, pair: Directory) -> None:
        before = await pair.last_change()
        changed = replace(tenant("a"), hide_rejected=True)
        assert await pair.update_tenant("a", hide_rejected=True) == changed
        assert list(await pair.list_tenants()) == [changed, tenant("b")]
        (change,) = await pair.changes_after(before)
        assert (change.kind, change.tenant_id) == (ChangeKind.TENANT, "a")
        assert await pair.update_tenant("a", hide_rejected=False) == tenant("a")
        with pytest.raises(ResourceNotFoundError):
            await pair.update_tenant("c", hide_rejected=True)

    async def test_refuses_a_second_tenant_of_the_same_name(self, pair: Directory) -> None:
        before = await pair.last_change()
        with pytest.raises(ResourceExistsError):
            await pair.create_tenant(tenant("a"))
        assert await pair.last_change() == before

    async def test_deletes_a_tenant_with_its_pacs_and_out_of_its_keys(self, pair: Directory) -> None:
        await pair.create_key(key("only-a", "a"))
        await pair.create_key(key("both", "a", "b"))
        await pair.create_pacs(pacs("a", "main"))
        await pair.create_pacs(pacs("b", "main"))
        await pair.delete_tenant("a")
        assert list(await pair.list_tenants()) == [tenant("b")]
        assert list(await pair.list_pacs("a")) == []
        assert list(await pair.list_pacs("b")) == [pacs("b", "main")]
        assert await pair.find_key("only-a") == key("only-a")
        assert await pair.find_key("both") == key("both", "b")

    async def test_a_tenant_made_again_inherits_nothing(self, pair: Directory) -> None:
        await pair.create_key(key("old", "a"))
        await pair.create_pacs(pacs("a", "main"))
        await pair.delete_tenant("a")
        await pair.create_tenant(tenant("a"))
        assert list(await pair.list_keys("a")) == []
        assert list(await pair.list_pacs("a")) == []

    async def test_misses_a_tenant_to_delete(self, pair: Directory) -> None:
        with pytest.raises(ResourceNotFoundError):
            await pair.delete_tenant("c")

    async def test_finds_a_key_as_it_was_created(self, pair: Directory) -> None:
        created = key("k1", "b", "a", role=Role.OPERATOR)
        await pair.create_key(created)
        assert await pair.find_key("k1") == created

    async def test_keeps_a_key_for_every_tenant(self, pair: Directory) -> None:
        created = key("root", "*", role=Role.ADMIN)
        await pair.create_key(created)
        assert await pair.find_key("root") == created
        assert list(await pair.list_keys("a")) == []
        assert list(await pair.list_keys("*")) == [created]

    async def test_refuses_a_key_for_a_tenant_that_is_not_there(self, pair: Directory) -> None:
        with pytest.raises(ResourceNotFoundError):
            await pair.create_key(key("k1", "a", "c"))
        assert await pair.find_key("k1") is None

    async def test_refuses_a_second_key_of_the_same_identifier(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a"))
        with pytest.raises(ResourceExistsError):
            await pair.create_key(key("k1", "b"))
        assert await pair.find_key("k1") == key("k1", "a")

    async def test_lists_only_the_keys_that_name_the_tenant(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a", age=3))
        await pair.create_key(key("k2", "b", age=2))
        await pair.create_key(key("k3", "b", "a", age=1))
        assert [found.key_id for found in await pair.list_keys("a")] == ["k1", "k3"]
        assert [found.tenant_ids for found in await pair.list_keys("a")] == [("a",), ("b", "a")]

    async def test_lists_every_key_as_it_is_found(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "b", "a"))
        await pair.create_key(key("k2", "*"))
        await pair.revoke_key("k1", "a")
        listed = {found.key_id: found for found in await pair.list_every_key()}
        assert listed == {key_id: await pair.find_key(key_id) for key_id in ("k1", "k2")}

    async def test_revokes_a_key_as_of_now(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a"))
        revoked = await pair.revoke_key("k1", "a")
        assert revoked == replace(key("k1", "a"), revoke_time=NOW)
        assert await pair.find_key("k1") == revoked

    async def test_revoking_again_changes_nothing(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a"))
        revoked = await pair.revoke_key("k1", "a")
        before = await pair.last_change()
        assert await pair.revoke_key("k1", "a") == revoked
        assert await pair.last_change() == before

    async def test_keeps_the_studies_that_a_key_is_for(self, pair: Directory) -> None:
        patients = [RestrictedPatient("P-1", "N"), RestrictedPatient("P-2")]
        only = make_restriction(patients=patients, modalities=["CT"], study_dates=["90d"])
        restricted = replace(key("k1", "a"), restriction=only)
        await pair.create_key(restricted)
        await pair.create_key(key("k2", "a"))
        assert await pair.find_key("k1") == restricted
        assert [found.restriction for found in await pair.list_keys("a")] == [only, None]

    async def test_keeps_when_a_key_ends(self, pair: Directory) -> None:
        ending = replace(key("k1", "a"), expire_time=NOW + timedelta(days=90))
        await pair.create_key(ending)
        assert await pair.find_key("k1") == ending

    async def test_writes_down_the_last_use_alone_and_announces_nothing(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a"))
        before = await pair.last_change()
        await pair.record_use({"k1": NOW, "gone": NOW})
        await pair.record_use({"k1": NOW - timedelta(seconds=1)})
        assert await pair.find_key("k1") == replace(key("k1", "a"), last_use_time=NOW)
        assert await pair.last_change() == before

    @pytest.mark.parametrize(
        ("end", "new_end"),
        [
            (None, timedelta(hours=24)),
            (timedelta(days=2), timedelta(hours=24)),
            (timedelta(hours=1), timedelta(hours=1)),
        ],
    )
    async def test_replaces_a_key_that_ends_no_later_than_before(
        self, pair: Directory, end: timedelta | None, new_end: timedelta
    ) -> None:
        old = replace(key("k1", "a"), expire_time=None if end is None else NOW + end)
        await pair.create_key(old)
        await pair.replace_key("k1", key("k2", "a"), NOW + timedelta(hours=24))
        assert await pair.find_key("k1") == replace(old, expire_time=NOW + new_end, replaced_by="k2")
        assert await pair.find_key("k2") == key("k2", "a")
        subjects = {change.subject for change in await pair.changes_after(0) if change.kind is ChangeKind.KEY}
        assert subjects == {"k1", "k2"}

    async def test_replaces_no_key_that_is_not_good_or_was_replaced(self, pair: Directory) -> None:
        await pair.create_key(replace(key("ended", "a"), expire_time=NOW))
        await pair.create_key(key("revoked", "a"))
        await pair.revoke_key("revoked", "a")
        await pair.create_key(replace(key("replaced", "a"), replaced_by="k1"))
        for key_id in ("ended", "revoked", "replaced", "gone"):
            with pytest.raises(ResourceNotFoundError):
                await pair.replace_key(key_id, key("new", "a"), NOW)
        assert await pair.find_key("new") is None

    @pytest.mark.parametrize(("key_id", "tenant_id"), [("k1", "b"), ("k2", "a"), ("root", "a")])
    async def test_revokes_no_key_of_others(self, pair: Directory, key_id: str, tenant_id: str) -> None:
        await pair.create_key(key("k1", "a"))
        await pair.create_key(key("root", "*"))
        with pytest.raises(ResourceNotFoundError):
            await pair.revoke_key(key_id, tenant_id)
        kept = await pair.find_key("k1")
        assert kept is not None
        assert kept.revoke_time is None

    @pytest.mark.parametrize(
        "connection", [DIMSE, FOLDER, DICOMWEB, ORTHANC, replace(DIMSE, tls=None, username="", password=NO_SECRET)]
    )
    async def test_gives_a_pacs_back_as_it_was_added(self, pair: Directory, connection: PacsConnection) -> None:
        await pair.create_pacs(pacs("a", "main", connection))
        assert await self.in_the_clear(pair, await pair.list_pacs("a")) == [pacs("a", "main", connection)]

    async def test_gives_back_policy_and_validation(self, pair: Directory) -> None:
        await pair.create_pacs(pacs("a", "main"))
        policy = FailoverPolicy(enabled=False, threshold=7, failback_after_s=0.5)
        created = replace(pacs("a", "spare", backup_for="main"), failover=policy, validation=REPORT)
        await pair.create_pacs(created)
        main, spare = await pair.list_pacs("a")
        assert spare == created
        assert spare.validation == REPORT
        assert main.validation is None

    async def test_updates_a_pacs_in_its_place(self, pair: Directory) -> None:
        await add_group(pair)
        changed = replace(pacs("a", "main", DICOMWEB), failover=FailoverPolicy(threshold=1), validation=REPORT)
        known = await pair.last_change()
        await pair.update_pacs(changed)
        await pair.update_pacs(pacs("a", "attic"))
        found = await pair.list_pacs("a")
        clear = await self.in_the_clear(pair, found)
        assert clear == [changed, pacs("a", "spare", backup_for="main"), pacs("a", "attic")]
        assert found[0].validation == REPORT
        assert [change.subject for change in await pair.changes_after(known)] == ["main", "attic"]

    async def test_misses_a_pacs_to_update(self, pair: Directory) -> None:
        await pair.create_pacs(pacs("b", "main"))
        with pytest.raises(ResourceNotFoundError):
            await pair.update_pacs(pacs("a", "main"))

    @pytest.mark.parametrize(
        ("name", "backup_for"),
        [("new", "nowhere"), ("new", "new"), ("new", "spare"), ("new", "elsewhere"), ("main", "lone")],
    )
    async def test_refuses_a_backup_of_no_primary(self, pair: Directory, name: str, backup_for: str) -> None:
        await add_group(pair)
        await pair.create_pacs(pacs("a", "lone"))
        await pair.create_pacs(pacs("b", "elsewhere"))
        before = await pair.list_pacs("a")
        put = pair.update_pacs if name == "main" else pair.create_pacs
        with pytest.raises(InvalidArgumentError, match="backup_for"):
            await put(pacs("a", name, backup_for=backup_for))
        assert list(await pair.list_pacs("a")) == list(before)

    async def test_keeps_a_primary_that_has_backups(self, pair: Directory) -> None:
        await add_group(pair)
        with pytest.raises(InvalidArgumentError, match="backups"):
            await pair.delete_pacs("a", "main")
        await pair.delete_pacs("a", "spare")
        await pair.delete_pacs("a", "attic")
        await pair.delete_pacs("a", "main")
        assert list(await pair.list_pacs("a")) == []

    async def test_no_pacs_is_active_but_the_primary_at_first(self, pair: Directory) -> None:
        await add_group(pair)
        assert list(await pair.list_active("a")) == []
        assert list(await pair.list_transitions("a", "main", 10)) == []

    async def test_remembers_the_active_pacs_and_how_it_came_to_be(self, pair: Directory) -> None:
        await add_group(pair)
        known = await pair.last_change()
        steps = [
            transition("main", "spare", age=3),
            transition("spare", "attic", TransitionCause.MANUAL_FAILOVER, age=2),
            transition("attic", "main", TransitionCause.MANUAL_FAILBACK, age=1),
        ]
        chosen = []
        for step in steps:
            assert await pair.record_transition(step)
            chosen += await pair.list_active("a")
        assert chosen == [
            ActivePacs("a", "main", "spare", steps[0].time, by_hand=False),
            ActivePacs("a", "main", "attic", steps[1].time, by_hand=True),
            ActivePacs("a", "main", "main", steps[2].time, by_hand=False),
        ]
        assert list(await pair.list_transitions("a", "main", 10)) == steps[::-1]
        assert list(await pair.list_transitions("a", "main", 2)) == steps[:0:-1]
        news = await pair.changes_after(known)
        assert {(change.kind, change.tenant_id, change.subject) for change in news} == {
            (ChangeKind.FAILOVER, "a", "main")
        }

    async def test_a_transition_from_a_pacs_that_is_not_active_comes_too_late(self, pair: Directory) -> None:
        await add_group(pair)
        assert await pair.record_transition(transition("main", "spare"))
        known = await pair.last_change()
        assert not await pair.record_transition(transition("main", "attic"))
        assert [found.active for found in await pair.list_active("a")] == ["spare"]
        assert len(await pair.list_transitions("a", "main", 10)) == 1
        assert await pair.last_change() == known

    @pytest.mark.parametrize("to_pacs", ["nowhere", "elsewhere"])
    async def test_nothing_goes_over_to_a_pacs_of_others(self, pair: Directory, to_pacs: str) -> None:
        await add_group(pair)
        await pair.create_pacs(pacs("b", "elsewhere"))
        with pytest.raises(ResourceNotFoundError):
            await pair.record_transition(transition("main", to_pacs))
        with pytest.raises(ResourceNotFoundError):
            await pair.record_transition(replace(transition("main", "spare"), tenant_id="b"))
        assert list(await pair.list_active("a")) == []

    async def test_the_primary_is_active_when_the_active_backup_is_deleted(self, pair: Directory) -> None:
        await add_group(pair)
        await pair.record_transition(transition("main", "spare"))
        await pair.delete_pacs("a", "attic")
        assert [found.active for found in await pair.list_active("a")] == ["spare"]
        await pair.delete_pacs("a", "spare")
        assert list(await pair.list_active("a")) == []
        assert len(await pair.list_transitions("a", "main", 10)) == 1

    async def test_the_primary_is_active_when_the_active_backup_leaves_the_group(self, pair: Directory) -> None:
        await add_group(pair)
        await pair.record_transition(transition("main", "spare"))
        found = {config.name: config for config in await pair.list_pacs("a")}
        await pair.update_pacs(replace(found["spare"], failover=FailoverPolicy(threshold=9)))
        assert [active.active for active in await pair.list_active("a")] == ["spare"]
        await pair.update_pacs(replace(found["spare"], backup_for=""))
        assert list(await pair.list_active("a")) == []
        assert await pair.record_transition(transition("main", "attic"))

    async def test_shows_the_last_status_of_each_pacs(self, pair: Directory) -> None:
        await add_group(pair)
        await pair.create_pacs(pacs("b", "main"))
        await pair.publish([status("a", "spare"), status("a", "main"), status("b", "main"), status("a", "gone")])
        down = replace(status("a", "main", Health.DOWN), reason="PACS_TIMEOUT", time=NOW + timedelta(seconds=1))
        await pair.publish([down])
        await pair.publish([])
        assert list(await pair.list_statuses("a")) == [down, status("a", "spare")]
        assert list(await pair.list_statuses("b")) == [status("b", "main")]
        await pair.delete_pacs("a", "spare")
        assert list(await pair.list_statuses("a")) == [down]

    async def test_a_tenant_made_again_inherits_no_failover(self, pair: Directory) -> None:
        await add_group(pair)
        await pair.record_transition(transition("main", "spare"))
        await pair.publish([status("a", "main")])
        await pair.delete_tenant("a")
        await pair.create_tenant(tenant("a"))
        await add_group(pair)
        assert list(await pair.list_active("a")) == []
        assert list(await pair.list_transitions("a", "main", 10)) == []
        assert list(await pair.list_statuses("a")) == []

    async def test_lists_pacs_in_the_order_of_their_addition(self, pair: Directory) -> None:
        for name in ("zebra", "main", "archive"):
            await pair.create_pacs(pacs("a", name))
        await pair.delete_pacs("a", "main")
        await pair.create_pacs(pacs("a", "main"))
        assert [found.name for found in await pair.list_pacs("a")] == ["zebra", "archive", "main"]

    async def test_refuses_a_second_pacs_of_the_same_name_in_a_tenant(self, pair: Directory) -> None:
        await pair.create_pacs(pacs("a", "main"))
        await pair.create_pacs(pacs("b", "main", DIMSE))
        with pytest.raises(ResourceExistsError):
            await pair.create_pacs(pacs("a", "main", DIMSE))
        assert list(await pair.list_pacs("a")) == [pacs("a", "main")]

    async def test_refuses_a_pacs_for_a_tenant_that_is_not_there(self, pair: Directory) -> None:
        with pytest.raises(ResourceNotFoundError):
            await pair.create_pacs(pacs("c", "main"))

    async def test_deletes_a_pacs_of_its_tenant_only(self, pair: Directory) -> None:
        await pair.create_pacs(pacs("a", "main"))
        with pytest.raises(ResourceNotFoundError):
            await pair.delete_pacs("b", "main")
        await pair.delete_pacs("a", "main")
        assert list(await pair.list_pacs("a")) == []
        with pytest.raises(ResourceNotFoundError):
            await pair.delete_pacs("a", "main")

    async def test_reports_every_change_in_order(self, directory: Directory) -> None:
        await directory.create_tenant(tenant("a"))
        await directory.create_key(key("k1", "a"))
        await directory.create_pacs(pacs("a", "main"))
        await directory.announce_invalidation("a", "1.2.3")
        await directory.announce_invalidation("a", "")
        changes = await directory.changes_after(0)
        assert [(change.kind, change.tenant_id, change.subject) for change in changes][:3] == [
            (ChangeKind.TENANT, "a", ""),
            (ChangeKind.KEY, "", "k1"),
            (ChangeKind.PACS, "a", "main"),
        ]
        assert (changes[-1].kind, changes[-1].tenant_id, changes[-1].subject) == (ChangeKind.CACHE, "a", "")
        assert [change.sequence for change in changes] == sorted({change.sequence for change in changes})
        assert await directory.last_change() == changes[-1].sequence

    async def test_reports_the_last_invalidation_of_a_study(self, pair: Directory) -> None:
        async def last(study: str = "1.2", tenant_id: str = "a") -> int:
            return await pair.last_invalidation(tenant_id, study)

        begin = await last()
        assert begin == await last("")
        await pair.announce_invalidation("a", "1.3")
        assert (await last(), await last("1.3"), await last("")) == (begin, await pair.last_change(), await last("1.3"))
        for announced in (
            pair.announce_invalidation("a", "1.2"),
            pair.announce_invalidation("a", "1.2", ChangeKind.ERASURE),
            pair.announce_invalidation("a", "1.2", part='{"series_instance_uid": "1"}'),
            pair.announce_invalidation("a", ""),
            pair.create_pacs(pacs("a", "another")),
        ):
            await announced
            assert await last() == await last("") == await pair.last_change()
        elsewhere = await last(tenant_id="b")
        await pair.create_key(key("k9", "a"))
        assert await last() < await pair.last_change()
        assert await last(tenant_id="b") == elsewhere < await last()
        assert await pair.last_invalidation("nobody", "") == 0

    async def test_reports_a_reader_only_what_it_does_not_know(self, pair: Directory) -> None:
        known = await pair.last_change()
        assert list(await pair.changes_after(known)) == []
        await pair.create_key(key("k1", "a"))
        await pair.revoke_key("k1", "a")
        news = await pair.changes_after(known)
        assert {(change.kind, change.subject) for change in news} == {(ChangeKind.KEY, "k1")}
        assert all(change.sequence > known for change in news)

    async def test_reports_the_keys_that_lost_a_deleted_tenant(self, pair: Directory) -> None:
        await pair.create_key(key("k1", "a", "b"))
        await pair.create_key(key("k2", "b"))
        known = await pair.last_change()
        await pair.delete_tenant("a")
        reported = {(change.kind, change.tenant_id, change.subject) for change in await pair.changes_after(known)}
        assert reported == {(ChangeKind.KEY, "", "k1"), (ChangeKind.TENANT, "a", "")}

    async def test_sequence_numbers_are_never_used_twice(self, pair: Directory) -> None:
        seen: list[Change] = []
        for study in ("1.1", "1.2", "1.1", "", "1.1"):
            await pair.announce_invalidation("a", study)
            seen += await pair.changes_after(seen[-1].sequence if seen else await pair.last_change() - 1)
        assert len({change.sequence for change in seen}) == len(seen) == 5
