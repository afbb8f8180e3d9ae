"""Schedules of reports by both clients of the SDK."""

import asyncio

import pytest

import radgate
from radgate.v1 import audit_service_pb2 as messages
from radgate_server.core.access.tenancy import Role
from tests.rpc.rig import Rig

PLAN = {"every": "weekly", "day": 2, "receivers": ["archive"], "time_of_day": "06:30", "time_zone": "Europe/Berlin"}


async def test_a_schedule_is_created_run_and_deleted(rig: Rig) -> None:
    async with radgate.aio.Client(rig.target, await rig.key("east", role=Role.ADMIN)) as client:
        made = await client.audit.create_schedule("odd", "unusual-access", **PLAN)
        assert (made.spec.kind, made.spec.format) == (
            messages.AUDIT_REPORT_KIND_UNUSUAL_ACCESS,
            messages.AUDIT_REPORT_FORMAT_PDF,
        )
        assert made.next_run_time.ToJsonString() == "2026-01-06T05:30:00Z"
        assert await client.audit.schedules() == (made,)
        changed = await client.audit.update_schedule("odd", format="csv", every="daily", day=1, time_zone="UTC")
        assert changed.next_run_time.ToJsonString() == "2026-01-01T06:30:00Z"
        assert (changed.spec.format, changed.receivers) == (messages.AUDIT_REPORT_FORMAT_CSV, made.receivers)
        assert await client.audit.schedules() == (changed,)
        assert (await client.audit.run_schedule("odd")).next_run_time.ToJsonString() == "2026-01-01T00:00:00Z"
        await client.audit.delete_schedule("odd")
        assert await client.audit.schedules() == ()
        with pytest.raises(radgate.NotFoundError):
            await client.audit.delete_schedule("odd")


async def test_the_synchronous_client_does_the_same(rig: Rig) -> None:
    token = await rig.key("east", role=Role.ADMIN)

    def use() -> list[str]:
        with radgate.Client(rig.target, token) as client:
            client.audit.create_schedule("jane", "user-activity", "jane", format="csv", **PLAN)
            assert client.audit.update_schedule("jane", subject="joe").spec.subject == "joe"
            client.audit.run_schedule("jane")
            subjects = [schedule.spec.subject for schedule in client.audit.schedules()]
            client.audit.delete_schedule("jane")
            return [*subjects, *(schedule.name for schedule in client.audit.schedules())]

    assert await asyncio.to_thread(use) == ["joe"]


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"kind": "gossip"}, "kind"), ({"format": "doc"}, "format"), ({"every": "hour"}, "every")],
)
async def test_what_there_is_not_is_reported_before_anything_is_asked(
    rig: Rig, wrong: dict[str, str], word: str
) -> None:
    async with radgate.aio.Client(rig.target, "none") as client:
        with pytest.raises(ValueError, match=f"{word} must be one of"):
            await client.audit.create_schedule("x", **{"kind": "unusual-access", **PLAN, **wrong})
        with pytest.raises(ValueError, match=f"{word} must be one of"):
            await client.audit.update_schedule("x", **wrong)


async def test_one_name_is_no_list_of_names(rig: Rig) -> None:
    """A string is a sequence of strings as well: `receivers="ops"` would be o, p and s."""
    async with radgate.aio.Client(rig.target, "none") as client:
        with pytest.raises(ValueError, match="receivers must be a list of strings"):
            await client.audit.create_schedule("x", "unusual-access", **{**PLAN, "receivers": "ops"})
        with pytest.raises(ValueError, match="receivers must be a list of strings"):
            await client.audit.update_schedule("x", receivers="ops")
        with pytest.raises(ValueError, match="actions must be a list of strings"):
            await anext(aiter(client.audit.search(actions="retrieve")))
        with pytest.raises(ValueError, match="transfer_syntaxes must be a list of strings"):
            client.retrieve_study("1.2", transfer_syntaxes="1.2.840.10008.1.2.1")
