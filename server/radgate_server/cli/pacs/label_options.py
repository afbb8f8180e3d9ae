"""The options that say which studies of an Orthanc are seen."""

from collections.abc import Callable
from typing import Any

import click

from radgate_server.cli.shared.options import together
from radgate_server.core.pacs.labels import LabelsConstraint, StudyLabels


def label_options() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a new Orthanc, or of a change."""
    return together(
        click.option(
            "--label",
            "labels",
            metavar="LABEL",
            multiple=True,
            help="See only studies with this label in Orthanc; may be repeated. '' means all studies.",
        ),
        click.option(
            "--labels-constraint",
            type=click.Choice([constraint.value for constraint in LabelsConstraint]),
            help="Which of the labels a study carries that is seen: all, by default.",
        ),
    )


def changed_labels(old: StudyLabels, options: dict[str, Any]) -> StudyLabels:
    """The labels that the options say; what they do not name stays."""
    given, constraint = options["labels"], options["labels_constraint"]
    return StudyLabels(
        tuple(filter(None, given)) if given else old.names,
        LabelsConstraint(constraint) if constraint is not None else old.constraint,
    )
