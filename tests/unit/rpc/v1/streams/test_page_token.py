import pytest

from radgate.v1.dicom_pb2 import MatchKey
from radgate.v1.query_service_pb2 import SearchStudiesRequest
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.v1.streams.page_token import make_page_token, read_page_token


def request_of(**fields: object) -> SearchStudiesRequest:
    return SearchStudiesRequest(keys=[MatchKey(attribute="PatientID", value="1")], **fields)


def test_a_token_leads_to_its_offset_whatever_token_the_request_carried() -> None:
    token = make_page_token(15, request_of(page_token="of the page before"), "east")
    assert read_page_token(token, request_of(page_token=token), "east") == 15
    assert read_page_token("", request_of(), "east") == 0


def test_the_size_of_pages_may_change_between_them() -> None:
    token = make_page_token(15, request_of(page_size=5), "east")
    assert read_page_token(token, request_of(page_size=7), "east") == 15


@pytest.mark.parametrize("token", ["x", "AAAA", "ä", "=" * 16, "A" * 1000, "A" * 16 + "!", "_" * 24, "f" + "_" * 23])
def test_a_malformed_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        read_page_token(token, request_of(), "east")
    assert caught.value.field == "page_token"


def test_a_token_of_another_request_or_tenant_is_refused() -> None:
    token = make_page_token(15, request_of(), "east")
    for request, tenant in ((request_of(fuzzy_matching=True), "east"), (request_of(), "west")):
        with pytest.raises(InvalidArgumentError, match="another request"):
            read_page_token(token, request, tenant)
