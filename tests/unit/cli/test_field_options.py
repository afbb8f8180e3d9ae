"""The options of a kind of PACS that declares none: made from the fields of its connection."""

from dataclasses import dataclass, field
from typing import Any, Literal, Self, override

import click
import pytest
from click.testing import CliRunner

from radgate_server.cli.pacs.field_options import (
    arguments_by_fields,
    changed_by_fields,
    field_options,
    new_by_fields,
)
from radgate_server.core.pacs.kinds.kind import PacsConnection
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretReference, SecretSource


@dataclass(frozen=True, slots=True)
class Tape(PacsConnection):
    host: str = field(metadata={"help": "Where the robot is."})
    drive_count: int = 2
    rewinds: bool = True
    password: SecretSource = NO_SECRET
    kind: Literal["tape"] = "tape"

    @override
    def checked(self) -> Self:
        return self

    @property
    @override
    def endpoint(self) -> str:
        return self.host

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.host,)

    @property
    @override
    def summary(self) -> str:
        return self.host

    @property
    @override
    def max_parallel(self) -> int:
        return self.drive_count

    @property
    @override
    def secret_recipient(self) -> dict[str, object]:
        return {"host": self.host}


def run(arguments: list[str], old: Tape | None = None) -> tuple[Any, str]:
    """What the options make, and what the command printed."""
    made: list[Any] = []

    def command(**options: Any) -> None:
        made.append(changed_by_fields(old, options) if old else new_by_fields(Tape, options))

    tape = click.command("tape")(field_options(Tape, new=old is None)(command))
    result = CliRunner(env={"PACS_SECRET": "hunter2"}).invoke(tape, arguments)
    return (made[0] if made else result.exception), result.output


@pytest.mark.parametrize(
    "connection",
    [Tape("left"), Tape("left", 3, rewinds=False), Tape("left", password=Secret("hunter2"))],
)
def test_options_make_the_connection_that_they_were_made_from(connection: Tape) -> None:
    assert run(arguments_by_fields(connection)) == (connection, "")


def test_a_field_without_default_is_required_and_explained() -> None:
    assert "Missing option '--host'" in run([])[1]
    output = run(["--help"])[1]
    assert "Where the robot is." in output
    assert "--rewinds / --no-rewinds" in output


def test_a_change_leaves_what_is_not_given() -> None:
    old = Tape("left", 3, rewinds=False, password=Secret("old"))
    assert run(["--drive-count", "4"], old)[0] == Tape("left", 4, rewinds=False, password=Secret("old"))
    assert run(["--password-env", "PACS_SECRET"], old)[0].secret == Secret("hunter2")
    assert isinstance(run(["--password-ref", "env:TAPE"], old)[0].secret, SecretReference)


def test_a_secret_goes_to_another_host_only_when_it_is_given_again() -> None:
    old = Tape("left", password=Secret("old"))
    assert "must be given again when tape.host changes" in str(run(["--host", "right"], old)[0])
    assert run(["--host", "right", "--password-env", "PACS_SECRET"], old)[0].secret == Secret("hunter2")


def test_a_secret_is_removed() -> None:
    old = Tape("left", 3, password=Secret("old"))
    assert run(["--no-password"], old)[0] == Tape("left", 3)
    assert run(["--host", "right", "--no-password"], old)[0] == Tape("right", 3)
    assert run(["--no-password"], Tape("left"))[0] == Tape("left")
    assert "give one" in run(["--no-password", "--password-env", "PACS_SECRET"], old)[1]
    assert "No such option" in run(["--host", "left", "--no-password"])[1]


def test_a_secret_is_in_one_place() -> None:
    assert "give one" in run(["--host", "a", "--password-env", "PACS_SECRET", "--password-ref", "env:TAPE"])[1]


def test_a_field_of_another_type_needs_an_option_of_its_own() -> None:
    @dataclass(frozen=True, slots=True)
    class Robots(Tape):
        robots: tuple[str, ...] = ()

    with pytest.raises(TypeError, match="robots"):
        field_options(Robots, new=True)
