"""The one table of a record's fields; texts of the hash chain, columns of reports and messages are made of it."""

from enum import Enum, auto
from typing import NamedTuple


class FieldKind(Enum):
    """What a field holds. All but time and size are texts in the canonical form (core/audit/chain.py)."""

    TIME = auto()  # microseconds since 1970-01-01T00:00Z
    SIZE = auto()  # bytes, UNKNOWN_SIZE where not known
    TEXT = auto()
    CHOICE = auto()  # the word of an enum
    FLAG = auto()  # YES or ""


class RecordField(NamedTuple):
    """`form` is the first canonical form that has it; a record in an older form has null in its column."""

    name: str
    kind: FieldKind = FieldKind.TEXT
    form: int = 1
    in_reports: bool = True

    @property
    def is_text(self) -> bool:
        """Whether it is one of the texts of the canonical form."""
        return self.kind not in (FieldKind.TIME, FieldKind.SIZE)


RECORD_FIELDS = (
    RecordField("time", FieldKind.TIME),
    RecordField("tenant_id", in_reports=False),
    RecordField("principal"),
    RecordField("key_id"),
    RecordField("role"),
    RecordField("action", FieldKind.CHOICE),
    RecordField("outcome", FieldKind.CHOICE),
    RecordField("patient_id"),
    RecordField("study_instance_uid"),
    RecordField("series_instance_uid"),
    RecordField("sop_instance_uid"),
    RecordField("pacs"),
    RecordField("size_bytes", FieldKind.SIZE),
    RecordField("address"),
    RecordField("user_agent"),
    RecordField("request_id"),
    RecordField("detail"),
    RecordField("trace_id", form=2, in_reports=False),
    RecordField("break_glass", form=3),
    RecordField("same_family_name", FieldKind.FLAG, form=3),
)
"""In the order of the canonical form. What is added stands at the end, in a form of its own."""

YES = "yes"
"""The text of a flag that is set; "" of one that is not."""


def texts_of_form(form: int) -> tuple[str, ...]:
    """The names of the texts in a canonical form, in their order."""
    return tuple(field.name for field in RECORD_FIELDS if field.is_text and field.form <= form)
