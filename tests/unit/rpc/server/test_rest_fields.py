"""Which names a REST request may have, by the descriptor of its method."""

from unittest.mock import Mock
from urllib.parse import quote

import pytest
import yaml
from google.api.annotations_pb2 import http
from google.protobuf.descriptor import MethodDescriptor

from radgate_server.adapters.gateway.files import gateway_folder
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.access.rest_fields import rest_field_check
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.server.grpc_server import (
    ADMIN,
    AUDIT,
    DICOMWEB,
    JOBS,
    QUARANTINE,
    QUERY,
    RETENTION,
    RETRIEVE,
    STORE,
    TRANSCODE,
)

SERVICES = (ADMIN, AUDIT, DICOMWEB, JOBS, QUARANTINE, QUERY, RETENTION, RETRIEVE, STORE, TRANSCODE)
CHECKED = [method for service in SERVICES for method in service.methods if rest_field_check(method)]


def check(method: MethodDescriptor, query: str = "", *fields: str) -> None:
    headers = {"x-envoy-original-path": f"/api/v1/some?{query}", "x-radgate-fields": ",".join(fields)}
    found = rest_field_check(method)
    assert found
    found(Mock(Call, header=lambda name: headers.get(name, "")))


def refusal(method: MethodDescriptor, query: str = "", *fields: str) -> str:
    with pytest.raises(InvalidArgumentError) as refused:
        check(method, query, *fields)
    return str(refused.value)


CREATE_KEY, UPDATE_PACS = ADMIN.methods_by_name["CreateApiKey"], ADMIN.methods_by_name["UpdatePacs"]
SEARCH_AUDIT = AUDIT.methods_by_name["SearchAuditRecords"]


def test_all_rest_but_dicomweb_is_checked_and_comes_where_the_gateway_names_fields() -> None:
    assert {method.containing_service for method in CHECKED} == {ADMIN, AUDIT, JOBS, QUARANTINE, RETENTION}
    for method in CHECKED:
        rule = method.GetOptions().Extensions[http]
        for binding in (rule, *rule.additional_bindings):
            assert getattr(binding, binding.WhichOneof("pattern")).startswith("/api/v1/")
            assert binding.body == rule.body


def test_the_gateway_ignores_no_parameter_that_a_checked_request_has() -> None:
    config = yaml.safe_load((gateway_folder() / "envoy.yaml").read_text())
    chain = config["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    transcoder = next(item for item in chain["http_filters"] if item["name"].endswith("transcoder"))["typed_config"]
    ignored = set(transcoder["ignored_query_parameters"])
    assert not ignored & {name for method in CHECKED for name in method.input_type.fields_by_name}


@pytest.mark.parametrize("method", CHECKED, ids=lambda method: method.name)
def test_each_field_is_known_by_both_its_names(method: MethodDescriptor) -> None:
    for field in method.input_type.fields:
        check(method, f"{field.name}=1")
        check(method, f"{field.json_name}=1")


def test_what_is_given_twice_is_refused() -> None:
    text = "the field is given twice, or in two spellings; give it once"
    assert refusal(CREATE_KEY, "", "role", "label", "role") == f"role: {text}"
    assert refusal(CREATE_KEY, "", "restriction", "expireTime", "expire_time") == f"expire_time: {text}"
    assert refusal(UPDATE_PACS, "", "dimse", "dimse.tls", "dimse.tls.caFile", "dimse.tls.ca_file").startswith(
        "dimse.tls."
    )
    assert "query parameter is given twice" in refusal(SEARCH_AUDIT, "patientId=1&patientId=2")
    assert "query parameter is given twice" in refusal(SEARCH_AUDIT, "patientId=1&patient_id=2")


def test_a_list_in_the_query_string_is_given_value_by_value() -> None:
    lists = [(method, field) for method in CHECKED for field in method.input_type.fields if field.is_repeated]
    assert lists
    for method, field in lists:
        check(method, f"{field.name}=1&{field.name}=2&{field.json_name}=3")


def test_a_field_of_the_body_is_searched_in_the_bodys_message() -> None:
    check(UPDATE_PACS, "updateMask=name", "dimse", "dimse.tls", "dimse.tls.ca_file", "failover.failbackAfter")
    assert "the nearest is dimse" in refusal(UPDATE_PACS, "", "dimze")
    assert "there is no such field" in refusal(UPDATE_PACS, "", "pacs")
    assert "there is no such field" in refusal(UPDATE_PACS, "", "createTime.seconds")


def test_the_nearest_known_name_is_reported_also_from_elsewhere() -> None:
    assert refusal(CREATE_KEY, "", "restrictions") == "restrictions: there is no such field; the nearest is restriction"
    assert "the nearest is restriction.modalities" in refusal(CREATE_KEY, "", "modalities")
    assert "the nearest is patientId" in refusal(SEARCH_AUDIT, "patient=7")
    assert "known are expireTime, label, restriction, role" in refusal(CREATE_KEY, "", "zzz")
    assert "known are days, tenantId" in refusal(ADMIN.methods_by_name["GetCacheStats"], "x=1")


def test_a_body_where_none_is_taken_is_refused() -> None:
    assert "none is known here" in refusal(ADMIN.methods_by_name["ListApiKeys"], "", "role")


def test_what_is_shown_of_a_name_is_short() -> None:
    assert len(refusal(CREATE_KEY, "", quote("x" * 5000))) < 200


def test_native_calls_are_left_alone() -> None:
    found = rest_field_check(CREATE_KEY)
    assert found
    found(Mock(Call, header=lambda name: "nonsense" if name == "x-radgate-fields" else ""))
