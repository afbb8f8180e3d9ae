import pytest

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel
from radgate_server.core.query.model import Query
from radgate_server.services.query.available_syntaxes import with_syntaxes
from radgate_server.services.query.merging import SourcedMatch

REF = InstanceRef("2.25.1", "2.25.1.1", "2.25.1.1.1")
TAG = "00083002"
EXPLICIT, IMPLICIT, JPEG, H264 = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.102",
)
ASKED = Query(QueryLevel.IMAGE, ())


def reported(query: Query, stored: str, **more: DicomJson) -> object:
    """What the match says of its transfer syntaxes when the instance is cached in `stored`; None when nothing."""
    uids = {
        tag: {"vr": "UI", "Value": [uid]} for tag, uid in zip(("0020000D", "0020000E", "00080018"), REF, strict=True)
    }

    def syntax_of(tenant_id: str, ref: InstanceRef) -> str:
        return stored if (tenant_id, ref) == ("east", REF) else ""

    [match] = with_syntaxes(syntax_of, "east", query, (SourcedMatch({**uids, **more}, ("main",)),))
    return match.attributes.get(TAG, {}).get("Value")


@pytest.mark.parametrize(
    ("stored", "available"),
    [
        (EXPLICIT, [EXPLICIT]),
        (IMPLICIT, [IMPLICIT, EXPLICIT]),
        (JPEG, [JPEG, EXPLICIT]),
        (H264, [H264]),
        ("1.2.3", ["1.2.3"]),
        ("", None),
    ],
)
def test_the_stored_one_comes_first_and_the_default_after_it(stored: str, available: list[str] | None) -> None:
    assert reported(ASKED, stored) == available


def test_what_the_pacs_says_stays() -> None:
    assert reported(ASKED, JPEG, **{TAG: {"vr": "UI", "Value": [IMPLICIT]}}) == [IMPLICIT]
    assert reported(ASKED, JPEG, **{TAG: {"vr": "UI"}}) == [JPEG, EXPLICIT]


def test_it_is_left_out_where_nobody_asks() -> None:
    assert reported(Query(QueryLevel.SERIES, ()), JPEG) is None
    assert reported(Query(QueryLevel.IMAGE, (), only_included=True), JPEG) is None
    assert reported(Query(QueryLevel.IMAGE, (), include=((TAG,),), only_included=True), JPEG) == [JPEG, EXPLICIT]
