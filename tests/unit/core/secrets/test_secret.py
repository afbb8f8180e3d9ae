"""Secrets do not print, and references are what they look like."""

import copy
import json
import pickle
from dataclasses import asdict, dataclass

import pytest

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.connections import DimseConnection
from radgate_server.core.secrets.secret import NO_SECRET, Secret, SecretReference, SecretScheme, parse_reference

SECRET = Secret("hunter2")


@dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET:>20}",
        f"{SECRET!r}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - as logging does it
        repr(Holder(SECRET)),
        repr(asdict(Holder(SECRET))),
        json.dumps({"secret": SECRET}, default=str),
        repr(DimseConnection("pacs.example", 104, "PACS", "RADGATE", username="me", password=SECRET)),
        repr(copy.deepcopy(SECRET)),
    ],
)
def test_a_secret_does_not_print(shown: str) -> None:
    assert "hunter2" not in shown
    assert "***" in shown


def test_a_secret_is_not_written_anywhere() -> None:
    with pytest.raises(TypeError):
        json.dumps(SECRET)
    with pytest.raises(TypeError, match="in the clear"):
        pickle.dumps(SECRET)
    assert not hasattr(SECRET, "__dict__")


def test_secrets_are_distinguished() -> None:
    assert SECRET == Secret("hunter2") != Secret("hunter3")
    assert len({SECRET, Secret("hunter2"), NO_SECRET}) == 2
    assert SECRET != "hunter2"  # type: ignore[comparison-overlap]
    assert SECRET
    assert not NO_SECRET
    assert (repr(NO_SECRET), str(NO_SECRET)) == ("Secret('')", "")


@pytest.mark.parametrize(
    ("text", "scheme", "name", "key"),
    [
        ("env:PACS_PASSWORD", SecretScheme.ENV, "PACS_PASSWORD", ""),
        ("file:/run/secrets/pacs#1", SecretScheme.FILE, "/run/secrets/pacs#1", ""),
        ("aws-secretsmanager:radgate/north/main", SecretScheme.AWS_SECRETS_MANAGER, "radgate/north/main", ""),
        (
            "aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:a-Xy#password",
            SecretScheme.AWS_SECRETS_MANAGER,
            "arn:aws:secretsmanager:eu-west-1:1:secret:a-Xy",
            "password",
        ),
        ("vault:radgate/north/main#password", SecretScheme.VAULT, "radgate/north/main", "password"),
    ],
)
def test_a_reference_is_read_and_written(text: str, scheme: SecretScheme, name: str, key: str) -> None:
    reference = parse_reference(text, "ref")
    assert reference == SecretReference(scheme, name, key)
    assert str(reference) == text


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "hunter2",
            "http://169.254.169.254/secret",
            "ENV:A",
            "env:",
            "env:A-B",
            "env:A=B",
            "file:relative",
            "file:",
        ),
        *(
            "vault:a/b",
            "vault:#key",
            "vault:../../sys/x#key",
            "vault:a/./b#c",
            "vault:/a#b",
            "vault:a//b#c",
            "vault:a?x#b",
        ),
        *("aws-secretsmanager:", "aws-secretsmanager:a#", "aws-secretsmanager:a#b#c", "file:/a\nb", "env:A" * 200),
    ],
)
def test_what_is_no_reference_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        parse_reference(text, "dimse.password_ref")
    assert caught.value.field == "dimse.password_ref"
    assert not text or text not in str(caught.value) or text in ("env:", "file:", "aws-secretsmanager:")
