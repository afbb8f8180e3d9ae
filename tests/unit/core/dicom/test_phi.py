import copy
import json
import logging
import pickle

import pytest

from radgate_server.adapters.telemetry.logs.json_format import JsonFormatter
from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.dicom.phi import HIDDEN, Phi
from radgate_server.core.query.model import MatchingKey, Query

NAME = "Doe^Jane"


@pytest.mark.parametrize(
    "text",
    [
        str(Phi(NAME)),
        repr(Phi(NAME)),
        f"{Phi(NAME)}",
        f"{Phi(NAME):>20}",
        "%s %r" % (Phi(NAME), Phi(NAME)),  # noqa: UP031 - as logging does it
        "{}".format(Phi(NAME)),  # noqa: UP032 - one of the ways
        str([Phi(NAME)]),
        repr(Query(QueryLevel.STUDY, (MatchingKey(("00100010",), NAME),))),
        str(ValueError(Phi(NAME))),
    ],
)
def test_no_way_of_printing_shows_it(text: str) -> None:
    assert HIDDEN in text
    assert "Doe" not in text


def test_a_log_shows_nothing_of_it_however_it_gets_there() -> None:
    record = logging.LogRecord("radgate_server.x", logging.INFO, "x.py", 1, "found %s", (Phi(NAME),), None)
    record.reason = Phi(NAME)
    line = JsonFormatter().format(record)
    assert "Doe" not in line
    assert json.loads(line)["message"] == f"found {HIDDEN}"


def test_it_is_compared_and_given_out_by_name_alone() -> None:
    assert Phi(NAME).reveal() == NAME
    assert Phi(NAME) == Phi(NAME) != Phi("other")
    assert Phi(NAME) != NAME
    assert len({Phi(NAME), Phi(NAME)}) == 1
    assert not Phi("")
    phi = Phi(NAME)
    assert copy.deepcopy(phi) is phi
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(phi)
