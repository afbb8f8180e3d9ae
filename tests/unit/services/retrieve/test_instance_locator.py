import asyncio
from dataclasses import replace

import pytest

from radgate_server.core.access.tenancy import Tenant
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.errors import ObjectNotFoundError, PacsUnreachableError
from radgate_server.core.pacs.connections import FolderConnection, PacsConfig
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from tests.fakes.clock import START
from tests.fakes.directory import MemoryDirectory
from tests.fakes.instance_store import MemoryInstanceStore
from tests.fakes.instances import make_dataset, make_study, received
from tests.fakes.memory_pacs import MemoryPacs

STUDY = "2.25.1"
REF = InstanceRef(STUDY, f"{STUDY}.1", f"{STUDY}.1.1")


async def places(*pacs: MemoryPacs, hierarchical: frozenset[str] = frozenset()) -> InstanceLocator:
    directory = MemoryDirectory()
    await directory.create_tenant(Tenant("east", START))
    clients = {one.name: replace(one.client, hierarchical=one.name in hierarchical) for one in pacs}
    for one in pacs:
        await directory.create_pacs(PacsConfig("east", one.name, FolderConnection("/unused"), START))
    return InstanceLocator(PacsClients(directory, {"folder": lambda config: clients[config.name]}), deadline_s=60)


async def test_a_pacs_is_asked_once() -> None:
    pacs = MemoryPacs(make_study(3, study=STUDY))
    found = await places(pacs)
    assert [await found.find("east", REF.sop_instance_uid) for _ in range(2)] == [REF, REF]
    assert pacs.calls == {"find": 1}


async def test_a_location_that_is_found_while_its_study_is_erased_is_not_cached() -> None:
    pacs = MemoryPacs(make_study(3, study=STUDY))
    found = await places(pacs)
    pacs.silence()
    asked = asyncio.create_task(found.find("east", REF.sop_instance_uid))
    while not pacs.calls["find"]:
        await asyncio.sleep(0)
    found.invalidate("east", STUDY)
    pacs.release()
    assert await asked == REF
    assert found.known("east", REF.sop_instance_uid) is None


async def test_what_came_by_needs_no_pacs_and_belongs_to_its_tenant() -> None:
    pacs = MemoryPacs()
    found = await places(pacs)
    found.remember("west", REF)
    with pytest.raises(ObjectNotFoundError, match="no PACS of the tenant has this instance"):
        await found.find("east", REF.sop_instance_uid)
    found.remember("east", REF)
    assert await found.find("east", REF.sop_instance_uid) == REF
    assert pacs.calls == {"find": 1}


async def test_the_transfer_syntax_of_what_came_by_is_known_at_its_place_until_it_is_forgotten() -> None:
    found, store = await places(MemoryPacs()), MemoryInstanceStore()
    handle = await store.put("east", received(make_dataset(*REF)))
    found.remember("east", REF)
    assert found.syntax_of("east", REF) == ""
    found.learn("east", handle)
    found.remember("east", REF)
    assert found.syntax_of("east", REF) == EXPLICIT_VR_LITTLE_ENDIAN
    elsewhere = REF._replace(series_instance_uid=f"{STUDY}.2")
    assert (found.syntax_of("east", elsewhere), found.syntax_of("west", REF)) == ("", "")
    found.invalidate("east", STUDY)
    assert (found.syntax_of("east", REF), found.known("east", REF.sop_instance_uid)) == ("", None)


async def test_a_hierarchical_pacs_is_not_asked_and_the_answer_says_what_to_do() -> None:
    dimse, web = MemoryPacs(make_study(1, study=STUDY), "dimse"), MemoryPacs(name="web")
    found = await places(dimse, web, hierarchical=frozenset({"dimse"}))
    with pytest.raises(ObjectNotFoundError, match=r"PACS dimse can't be asked .* use /dicom-web/studies"):
        await found.find("east", REF.sop_instance_uid)
    assert (dimse.calls, web.calls) == ({}, {"find": 1})


async def test_another_server_is_asked_for_what_a_hierarchical_pacs_holds_and_its_answer_is_remembered() -> None:
    found = await places(MemoryPacs(name="dimse"), hierarchical=frozenset({"dimse"}))
    asked = list[tuple[str, str]]()

    async def ask(tenant_id: str, sop_instance_uid: str) -> InstanceRef | None:
        asked.append((tenant_id, sop_instance_uid))
        return REF if sop_instance_uid == REF.sop_instance_uid else None

    found.ask_also(ask)
    assert [await found.find("east", REF.sop_instance_uid) for _ in range(2)] == [REF, REF]
    with pytest.raises(ObjectNotFoundError, match="came by at no server since its start"):
        await found.find("east", "2.25.404")
    assert asked == [("east", REF.sop_instance_uid), ("east", "2.25.404")]


async def test_another_server_knows_what_a_pacs_that_is_away_can_not_say() -> None:
    away = MemoryPacs(name="away")
    away.refuse_with = PacsUnreachableError("no connection", pacs="away")
    found = await places(away)

    async def ask(_tenant_id: str, _sop_instance_uid: str) -> InstanceRef | None:
        return REF

    found.ask_also(ask)
    assert await found.find("east", REF.sop_instance_uid) == REF


async def test_an_outage_is_no_absence() -> None:
    away, empty = MemoryPacs(name="away"), MemoryPacs(name="empty")
    away.refuse_with = PacsUnreachableError("no connection", pacs="away")
    with pytest.raises(PacsUnreachableError):
        await (await places(away, empty)).find("east", REF.sop_instance_uid)
