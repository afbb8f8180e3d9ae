"""Rules that the contract follows throughout (ADR 52)."""

import pytest
from google.protobuf.descriptor import MethodDescriptor

from radgate_server.rpc.server import ADMIN, AUDIT, JOBS, QUARANTINE, QUERY, RETENTION, RETRIEVE, STORE, TRANSCODE

METHODS = [
    method
    for service in (ADMIN, AUDIT, JOBS, QUARANTINE, QUERY, RETENTION, RETRIEVE, STORE, TRANSCODE)
    for method in service.methods
]
PAGED = [method for method in METHODS if method.name.startswith(("List", "Search"))]


@pytest.mark.parametrize("method", PAGED, ids=lambda method: method.name)
def test_each_list_comes_page_by_page(method: MethodDescriptor) -> None:
    asked, answered = method.input_type.fields_by_name, method.output_type.fields_by_name
    assert (asked["page_size"].type, asked["page_token"].type) == (asked["page_size"].TYPE_INT32, 9)
    assert answered["next_page_token"].type == 9
    assert method.output_type.fields[0].is_repeated
