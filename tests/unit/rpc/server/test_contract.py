"""Rules that the contract follows throughout (ADR 52)."""

from collections.abc import Iterable, Iterator

import pytest
from google.api.field_behavior_pb2 import FieldBehavior
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor

from radgate_server.adapters.cache.derived import tier as derived
from radgate_server.adapters.cache.memory import answers as memory
from radgate_server.adapters.cache.memory import instances
from radgate_server.adapters.cache.packs import object_store
from radgate_server.adapters.cache.warm import tier as disk
from radgate_server.core.access.tenancy import Role
from radgate_server.core.audit.record import AuditAction, AuditOutcome
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.rpc.access.required_fields import behaviors
from radgate_server.rpc.errors import RULES
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
from radgate_server.rpc.v1 import enum_words
from radgate_server.rpc.v1.enum_words import EnumWords
from radgate_server.services.administration.validation_checks import CHECKS
from radgate_server.services.cache import shared_answers
from radgate_server.services.pacs.resilience.operations import Operation
from radgate_server.services.query.search import (
    FUZZY_MATCHING_IGNORED,
    KEYS_UNCHECKED,
    REJECTIONS_UNREAD,
    RESULTS_TRUNCATED,
    RESULTS_WITHHELD,
)

METHODS = [
    method
    for service in (ADMIN, AUDIT, JOBS, QUARANTINE, QUERY, RETENTION, RETRIEVE, STORE, TRANSCODE)
    for method in service.methods
]
OF_A_TENANT = [
    method
    for service in (ADMIN, AUDIT, QUARANTINE, RETENTION)
    for method in service.methods
    if method.name not in ("CreateTenant", "ListTenants", "UpdateTenant", "DeleteTenant")
]
WARNINGS = (FUZZY_MATCHING_IGNORED, KEYS_UNCHECKED, REJECTIONS_UNREAD, RESULTS_TRUNCATED, RESULTS_WITHHELD)
PAGED = [method for method in METHODS if method.name.startswith(("List", "Search"))]


@pytest.mark.parametrize("method", PAGED, ids=lambda method: method.name)
def test_each_list_comes_page_by_page(method: MethodDescriptor) -> None:
    asked, answered = method.input_type.fields_by_name, method.output_type.fields_by_name
    assert asked["page_size"].type == FieldDescriptor.TYPE_INT32
    assert asked["page_token"].type == answered["next_page_token"].type == FieldDescriptor.TYPE_STRING
    assert method.output_type.fields[0].is_repeated


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (enum_words.AUDIT_ACTIONS, AuditAction),
        (enum_words.AUDIT_OUTCOMES, AuditOutcome),
        (
            enum_words.CACHE_TIERS,
            [memory.TIER, disk.TIER, derived.TIER, object_store.TIER, instances.TIER, shared_answers.TIER],
        ),
        (enum_words.CHECK_KINDS, CHECKS),
        (enum_words.DETECT_KINDS, ["tcp", "dimse", "dicomweb", "orthanc", "extension"]),
        (enum_words.ERROR_REASONS, {rule.reason for rule in RULES.values()}),
        (enum_words.PACS_OPERATIONS, Operation),
        (enum_words.QUERY_WARNING_REASONS, {"PACS_FAILED", *WARNINGS}),
        (enum_words.WEB_SERVICES, ["QIDO-RS", "WADO-RS", "WADO-URI", "STOW-RS", "changes"]),
        (enum_words.QUERY_LEVELS, [level.value for level in QueryLevel]),
        (enum_words.ROLES, [role.name for role in Role]),
    ],
)
def test_each_word_of_the_core_is_a_value_of_the_contract(words: EnumWords, meant: Iterable[str]) -> None:
    numbers = {word.lower(): words.number(word) for word in meant}
    assert 0 not in numbers.values()
    assert numbers.keys() == words.numbers.keys()
    assert words.number("of a later version") == 0


@pytest.mark.parametrize("method", OF_A_TENANT, ids=lambda method: method.name)
def test_an_administrators_request_names_its_tenant(method: MethodDescriptor) -> None:
    assert method.input_type.fields_by_name["tenant_id"].type == FieldDescriptor.TYPE_STRING


def messages_of_requests() -> Iterator[Descriptor]:
    """Each message that a request is or has in it."""
    pending = [method.input_type for method in (*METHODS, *DICOMWEB.methods)]
    seen = set[str]()
    while pending:
        message = pending.pop()
        if message.full_name not in seen and message.full_name.startswith("radgate."):
            seen.add(message.full_name)
            yield message
            pending += [field.message_type for field in message.fields if field.message_type]


@pytest.mark.parametrize("message", list(messages_of_requests()), ids=lambda message: message.full_name)
def test_each_field_of_a_request_says_how_it_behaves(message: Descriptor) -> None:
    known = {FieldBehavior.Value(name) for name in ("REQUIRED", "OPTIONAL", "OUTPUT_ONLY", "IMMUTABLE", "IDENTIFIER")}
    assert not [field.name for field in message.fields if len(behaviors(field) & known) != 1]
