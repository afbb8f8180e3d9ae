"""Between the messages of AdminService and the words of the core: the studies that a key is for."""

from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.access.restriction import RestrictedPatient, StudyRestriction, make_restriction


def from_restriction(request: messages.CreateApiKeyRequest) -> StudyRestriction | None:
    """Read the studies that a key is to be for, None for all. Raises InvalidArgumentError, also when it names none."""
    if not request.HasField("restriction"):
        return None
    given = request.restriction
    return make_restriction(
        patients=(RestrictedPatient(patient.patient_id, patient.issuer) for patient in given.patients),
        referring_physicians=given.referring_physicians,
        modalities=given.modalities,
        study_dates=given.study_dates,
    )


def to_restriction(restriction: StudyRestriction | None) -> messages.StudyRestriction | None:
    """Render it, None for every study."""
    if restriction is None:
        return None
    return messages.StudyRestriction(
        patients=(
            messages.RestrictedPatient(patient_id=patient.patient_id, issuer=patient.issuer)
            for patient in restriction.patients
        ),
        referring_physicians=restriction.referring_physicians,
        modalities=restriction.modalities,
        study_dates=restriction.study_dates,
    )
