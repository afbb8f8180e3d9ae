from dataclasses import replace

import pytest

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.errors import PacsUnreachableError
from radgate_server.core.pacs.ports import PacsClient
from radgate_server.core.query.model import FindResult, MatchingKey, Query
from radgate_server.services.query.fan_out import AskLimits
from radgate_server.services.query.merging import SourcedMatch
from radgate_server.services.query.related_counts import CountCompleter
from tests.fakes.clock import FakeClock
from tests.fakes.instances import make_instance
from tests.fakes.memory_pacs import MemoryPacs

COUNTS = {"00080061", "00201206", "00201208", "00201209"}
STUDIES = Query(QueryLevel.STUDY)


class Reticent:
    """PacsQuery of a PACS that counts nothing."""

    def __init__(self, pacs: MemoryPacs) -> None:
        self._pacs = pacs

    async def find(self, query: Query, *, max_results: int) -> FindResult:
        result = await self._pacs.client.query.find(query, max_results=max_results)
        kept = ({tag: value for tag, value in match.items() if tag not in COUNTS} for match in result.matches)
        return replace(result, matches=tuple(kept))


def pacs() -> tuple[MemoryPacs, PacsClient]:
    """Study 2.25.1 with two series (CT of two instances, SR of one), study 2.25.2 with one of one."""
    files = [
        make_instance("2.25.1", "2.25.1.1", "2.25.1.1.1", Modality="CT"),
        make_instance("2.25.1", "2.25.1.1", "2.25.1.1.2", Modality="CT"),
        make_instance("2.25.1", "2.25.1.2", "2.25.1.2.1", Modality="SR"),
        make_instance("2.25.2", "2.25.2.1", "2.25.2.1.1", Modality="MR"),
    ]
    memory = MemoryPacs(files)
    return memory, replace(memory.client, query=Reticent(memory))


async def complete(
    client: PacsClient, query: Query, completer: CountCompleter | None = None, max_results: int = 100
) -> dict[str, dict[str, object]]:
    """The counts that the client's matches have in the end, by UID."""
    completer = completer or CountCompleter(AskLimits(max_results, 60), ttl_s=0, clock=FakeClock())
    result = await client.query.find(query, max_results=100)
    matches = tuple(SourcedMatch(match, (client.name,)) for match in result.matches)
    unique = "0020000D" if query.level is QueryLevel.STUDY else "0020000E"
    completed = await completer.complete([client], "east", query, matches)
    return {
        str(match.attributes[unique]["Value"][0]): {
            tag: match.attributes[tag]["Value"] for tag in COUNTS if tag in match.attributes
        }
        for match in completed
    }


async def test_a_study_gets_what_its_series_and_instances_report() -> None:
    _, client = pacs()
    assert await complete(client, STUDIES) == {
        "2.25.1": {"00080061": ["CT", "SR"], "00201206": [2], "00201208": [3]},
        "2.25.2": {"00080061": ["MR"], "00201206": [1], "00201208": [1]},
    }


async def test_a_series_gets_the_number_of_its_instances() -> None:
    _, client = pacs()
    query = Query(QueryLevel.SERIES, (MatchingKey(("0020000D",), "2.25.1"),))
    assert await complete(client, query) == {"2.25.1.1": {"00201209": [2]}, "2.25.1.2": {"00201209": [1]}}


async def test_a_pacs_that_counts_is_not_asked_again() -> None:
    memory, _ = pacs()
    counted = await complete(memory.client, STUDIES)
    assert counted["2.25.1"]["00201206"] == [2]
    assert memory.calls["find"] == 1


async def test_what_was_counted_is_remembered_until_it_is_to_be_forgotten() -> None:
    memory, client = pacs()
    completer = CountCompleter(AskLimits(100, 60), ttl_s=5, clock=FakeClock())
    first = await complete(client, STUDIES, completer)
    asked = memory.calls["find"]
    assert await complete(client, STUDIES, completer) == first
    assert memory.calls["find"] == asked + 1, "only the search itself"
    completer.invalidate("east")
    await complete(client, STUDIES, completer)
    assert memory.calls["find"] > asked + 2


async def test_what_can_not_be_counted_stays_missing() -> None:
    memory, client = pacs()

    class Failing(Reticent):
        async def find(self, query: Query, *, max_results: int) -> FindResult:
            if query.level is QueryLevel.SERIES:
                raise PacsUnreachableError("gone", pacs="memory")
            return await super().find(query, max_results=max_results)

    assert await complete(replace(client, query=Failing(memory)), STUDIES) == {"2.25.1": {}, "2.25.2": {}}
    assert await complete(client, STUDIES, max_results=1) == {"2.25.1": {}, "2.25.2": {}}, "the answer was cut"


async def test_rows_of_other_studies_are_counted_for_nobody() -> None:
    memory, client = pacs()

    class Mixing(Reticent):
        async def find(self, query: Query, *, max_results: int) -> FindResult:
            result = await super().find(query, max_results=max_results)
            if query.level is QueryLevel.SERIES and query.keys[0].value.reveal() == "2.25.2":
                strange = {
                    "0020000D": {"vr": "UI", "Value": ["2.25.1"]},
                    "0020000E": {"vr": "UI", "Value": ["2.25.1.1"]},
                }
                return replace(result, matches=(*result.matches, strange))
            return result

    completer = CountCompleter(AskLimits(100, 60), ttl_s=5, clock=FakeClock())
    mixing = replace(client, query=Mixing(memory))
    one = Query(QueryLevel.STUDY, (MatchingKey(("0020000D",), "2.25.2"),))
    assert (await complete(mixing, one, completer))["2.25.2"]["00201206"] == [1]
    assert (await complete(mixing, STUDIES, completer))["2.25.1"]["00201206"] == [2]


@pytest.mark.parametrize("lacking", ["0020000E", "0020000D"])
async def test_rows_without_a_uid_leave_the_count_missing(lacking: str) -> None:
    memory, client = pacs()

    class Nameless(Reticent):
        async def find(self, query: Query, *, max_results: int) -> FindResult:
            result = await super().find(query, max_results=max_results)
            if query.level is QueryLevel.SERIES:
                nameless = ({**match, lacking: {"vr": "UI"}} for match in result.matches)
                return replace(result, matches=tuple(nameless))
            return result

    assert await complete(replace(client, query=Nameless(memory)), STUDIES) == {"2.25.1": {}, "2.25.2": {}}
