"""Whether two Patient IDs (0010,0020) can be of one patient (docs/adr/0034-instances-as-they-arrive.md)."""

_UNREADABLE = "�"


def patients_differ(one: str, other: str) -> bool:
    """Whether both say who the patient is, and say two different things.

    Spaces at the ends and case don't count. Of an ID in the form of HL7's CX ("123^^^HOSPITAL") only the first
    component counts. Where either is missing, or was not read in its character set, nothing can be determined.
    """
    first, second = significant_patient_id(one), significant_patient_id(other)
    return bool(first and second) and first != second


def significant_patient_id(patient_id: str) -> str:
    """What of it has to be the same in all that is of one patient, "" where nothing can be determined."""
    significant = patient_id.partition("^")[0].strip(" \0").casefold()
    return "" if _UNREADABLE in significant else significant
