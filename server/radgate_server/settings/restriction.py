"""The part of the settings that confines credentials to some studies."""

from pydantic import Field

from radgate_server.core.access.restriction import StudyRestriction, make_restriction, parse_patient
from radgate_server.settings.table import Table, Texts


class RestrictionClaims(Table):
    """Claims of an identity provider that confine its users to some studies.

    A study must have one of the values of each claim that a user has.
    """

    patient_claim: Texts = Field(
        default=(), description="Path of the claim that names patients: a Patient ID, or `ID^^^ISSUER`."
    )
    referring_physician_claim: Texts = Field(
        default=(), description="Path of the claim that names referring physicians: `DOE^JANE`."
    )
    modality_claim: Texts = Field(default=(), description="Path of the claim that names modalities: `CT`.")
    study_date_claim: Texts = Field(
        default=(), description="Path of the claim that names study dates: `20260101-20260630`, `20260101-`, `90d`."
    )
    required: bool = Field(
        default=True, description="Don't admit a user with none of these claims; else such a user sees every study."
    )

    @property
    def paths(self) -> dict[str, tuple[str, ...]]:
        """Where each attribute of a restriction is claimed, those alone that are claimed at all."""
        paths = {
            "patients": self.patient_claim,
            "referring_physicians": self.referring_physician_claim,
            "modalities": self.modality_claim,
            "study_dates": self.study_date_claim,
        }
        return {attribute: path for attribute, path in paths.items() if path}


class OnlyStudies(Table):
    """The studies that a client certificate may see: those that have one of the values of each line."""

    patients: Texts = Field(default=(), repr=False, description="Patients: a Patient ID, or `ID^^^ISSUER`.")
    referring_physicians: Texts = Field(default=(), repr=False, description="Referring physicians: `DOE^JANE`.")
    modalities: Texts = Field(default=(), description="Modalities of a series: `CT`.")
    study_dates: Texts = Field(
        default=(), description="Study dates: `20260101`, `20260101-20260630`, `20260101-`; `90d` is the last 90 days."
    )

    @property
    def restriction(self) -> StudyRestriction:
        """What it stands for. Raises InvalidArgumentError for values that no study could have, or none at all."""
        return make_restriction(
            patients=map(parse_patient, self.patients),
            referring_physicians=self.referring_physicians,
            modalities=self.modalities,
            study_dates=self.study_dates,
        )
