"""Which presentation contexts are proposed."""

import pytest

from radgate_server.adapters.pacs.dimse.association.contexts import (
    ALL_SYNTAXES,
    MAX_CONTEXTS,
    STUDY_ROOT_FIND,
    STUDY_ROOT_GET,
    STUDY_ROOT_MOVE,
    get_proposals,
    query_proposals,
    syntax_groups,
)
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN
from radgate_server.core.pacs.connections import RetrieveMethod

CT = "1.2.840.10008.5.1.4.1.1.2"


def classes(count: int) -> list[str]:
    return [f"1.2.3.{number}" for number in range(count)]


def test_one_sop_class_gets_a_context_for_each_transfer_syntax() -> None:
    model, *storage = get_proposals([CT])
    assert model.abstract_syntax == STUDY_ROOT_GET
    assert [item.transfer_syntaxes for item in storage] == [(uid,) for uid in ALL_SYNTAXES]
    assert all(item.as_scp and item.abstract_syntax == CT for item in storage)


@pytest.mark.parametrize("count", [1, 2, 4, 5, 17, 63, 64, 127, 128, 300])
def test_contexts_never_exceed_what_the_standard_allows(count: int) -> None:
    proposals = get_proposals(classes(count))
    assert len(proposals) <= MAX_CONTEXTS
    assert len({item.abstract_syntax for item in proposals}) == min(count, MAX_CONTEXTS - 1) + 1


def test_an_unknown_sop_class_gets_the_usual_ones() -> None:
    assert CT in {item.abstract_syntax for item in get_proposals([""])}
    assert {item.abstract_syntax for item in get_proposals(["", "1.2.3"])} >= {CT, "1.2.3"}
    assert get_proposals([]) == get_proposals([""])


@pytest.mark.parametrize("contexts", [1, 2, 3, 20, 100])
def test_every_transfer_syntax_is_in_exactly_one_group(contexts: int) -> None:
    groups = syntax_groups(contexts)
    assert len(groups) <= contexts
    assert sorted(uid for group in groups for uid in group) == sorted(ALL_SYNTAXES)


def test_a_single_context_offers_what_every_pacs_can_send_first() -> None:
    assert syntax_groups(1)[0][0] == EXPLICIT_VR_LITTLE_ENDIAN


def test_queries_share_their_association_with_moves() -> None:
    assert [item.abstract_syntax for item in query_proposals(RetrieveMethod.GET)] == [STUDY_ROOT_FIND]
    assert [item.abstract_syntax for item in query_proposals(RetrieveMethod.MOVE)] == [STUDY_ROOT_FIND, STUDY_ROOT_MOVE]
