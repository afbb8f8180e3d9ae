"""Options that say which studies a key is for, and how a list of keys reports them."""

import click

from radgate_server.cli.shared.options import together
from radgate_server.core.access.restriction import StudyRestriction, make_restriction, parse_patient

restriction_options = together(
    click.option(
        "--only-patient",
        "patients",
        metavar="ID[^^^ISSUER]",
        multiple=True,
        help="Only studies of this patient; may be repeated, as all of these. Of several kinds each must fit.",
    ),
    click.option(
        "--only-referring-physician",
        "referring_physicians",
        metavar="NAME",
        multiple=True,
        help="Only studies with this Referring Physician's Name, such as DOE^JANE.",
    ),
    click.option(
        "--only-modality", "modalities", metavar="CODE", multiple=True, help="Only studies with a series of it: CT."
    ),
    click.option(
        "--only-study-date",
        "study_dates",
        metavar="DATES",
        multiple=True,
        help="Only studies of these days: 20260101-20260630, 20260101-, or 90d for the last 90 days.",
    ),
)


def read_restriction(
    patients: tuple[str, ...],
    referring_physicians: tuple[str, ...],
    modalities: tuple[str, ...],
    study_dates: tuple[str, ...],
) -> StudyRestriction | None:
    """What the options say, None when none is given. Raises InvalidArgumentError."""
    if not (patients or referring_physicians or modalities or study_dates):
        return None
    return make_restriction(
        patients=map(parse_patient, patients),
        referring_physicians=referring_physicians,
        modalities=modalities,
        study_dates=study_dates,
    )


def describe_restriction(restriction: StudyRestriction | None) -> tuple[str, ...]:
    """One text for each value: "modality CT"; none for every study."""
    if restriction is None:
        return ()
    return (
        *(f"patient {patient.text}" for patient in restriction.patients),
        *(f"referring physician {name}" for name in restriction.referring_physicians),
        *(f"modality {modality}" for modality in restriction.modalities),
        *(f"study date {dates}" for dates in restriction.study_dates),
    )
