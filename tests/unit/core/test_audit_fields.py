"""The table of a record's fields: entries, records, columns and messages have just those."""

from radgate.v1 import audit_service_pb2 as messages
from radgate_server.adapters.database.schema.tables import audit_entries
from radgate_server.core.audit.fields import RECORD_FIELDS, texts_of_form
from radgate_server.core.audit.record import AuditEntry
from radgate_server.core.audit.search import AuditRecord
from radgate_server.core.reports.tables import RECORD_COLUMNS

NAMES = {field.name for field in RECORD_FIELDS}
PLACE = {"number", "sequence", "record_hash"}


def test_entries_records_columns_messages_and_reports_have_the_fields() -> None:
    assert set(AuditEntry._fields) == NAMES
    assert set(AuditRecord._fields) == (NAMES - {"tenant_id"}) | PLACE | {"removed"}
    assert set(audit_entries.c.keys()) == (NAMES - {"time"}) | {"time_us", "erased_by"} | PLACE
    message = set(messages.AuditRecord.DESCRIPTOR.fields_by_name)
    assert message == (NAMES - {"tenant_id"}) | {"sequence", "hash", "removed"}
    assert set(RECORD_COLUMNS) == (NAMES - {"tenant_id", "principal", "trace_id"}) | {"user", "sequence"}


def test_what_a_form_added_stands_behind_what_was_there_and_may_be_null() -> None:
    for form in (1, 2):
        texts = texts_of_form(form)
        assert texts_of_form(form + 1)[: len(texts)] == texts
    for field in RECORD_FIELDS:
        if field.is_text:
            assert audit_entries.c[field.name].nullable == (field.form > 1), field.name
