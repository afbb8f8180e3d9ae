"""What commands of retention have in common."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from radgate_server.cli.shared.opened import run_opened
from radgate_server.cli.shared.options import current_settings
from radgate_server.core.audit.retention import HoldSubject

if TYPE_CHECKING:
    from radgate_server.installation.retention_tools import RetentionTools

reason_option = click.option(
    "--reason", required=True, metavar="TEXT", help="Why; it is recorded. Name no patient in it."
)
_SUBJECTS = {
    "patient_id": (HoldSubject.PATIENT, "--patient", "ID", "A patient, by Patient ID."),
    "study_instance_uid": (HoldSubject.STUDY, "--study", "UID", "A study, by Study Instance UID."),
    "user": (HoldSubject.USER, "--user", "NAME", "Records of what somebody did, by key id or name."),
}


def subject_options(*names: str) -> Callable[[Any], Any]:
    """The options that name a patient, a study or a user, as keyword arguments of these names."""

    def decorate(function: Any) -> Any:
        for name in reversed(names):
            _, option, metavar, text = _SUBJECTS[name]
            function = click.option(option, name, metavar=metavar, help=text)(function)
        return function

    return decorate


def one_of(subjects: dict[str, str | None]) -> tuple[HoldSubject, str] | None:
    """The subject that was given, None when none was. Raises click.UsageError for several."""
    given = [(_SUBJECTS[name][0], value) for name, value in subjects.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError("name one thing")
    return given[0] if given else None


def run_retention[T](work: Callable[["RetentionTools"], Awaitable[T]]) -> T:
    """Do `work` on the installation. Raises GatewayError."""
    # Only here: the whole server's imports would make `--help` slow.
    from radgate_server.installation.retention_tools import open_retention_tools

    return run_opened(open_retention_tools(current_settings()), work)
