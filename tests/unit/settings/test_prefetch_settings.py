"""Worklists in the settings: what is refused, and how one is reached."""

from typing import Any

import pytest
from pydantic import ValidationError

from radgate_server.core.pacs.connections import DimseTls, TlsProfile
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.shared.worklists import WorklistSettings

RIS: dict[str, Any] = {"name": "ris", "tenant": "north", "host": "ris.north.example", "port": 104, "called_aet": "RIS"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "The RIS"}, "name"),
        ({"name": "r" * 21}, "20 characters"),
        ({"host": "ris north"}, "host"),
        ({"port": 0}, "port"),
        ({"called_aet": "longer than sixteen"}, "called_aet"),
        ({"calling_aet": "longer than sixteen"}, "calling_aet"),
        ({"interval_s": 1}, "60"),
        ({"days": 0}, "1"),
        ({"tls": {"private_key_file": "key.pem"}}, "certificate_file"),
    ],
)
def test_what_can_not_be_asked_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        WorklistSettings(**{**RIS, **changes})


def test_two_worklists_have_two_names() -> None:
    with pytest.raises(ValidationError, match="two worklists are called ris"):
        PrefetchSettings(worklists=(WorklistSettings(**RIS), WorklistSettings(**{**RIS, "tenant": "south"})))


def test_it_is_reached_as_a_pacs_is() -> None:
    connection = WorklistSettings(**RIS, tls={"ca_file": "ca.pem", "profile": "bcp195-nd"}).connection("RADGATE")
    assert (connection.summary, connection.calling_aet) == ("RIS@ris.north.example:104 (C-GET)", "RADGATE")
    assert connection.tls == DimseTls("ca.pem", profile=TlsProfile.NON_DOWNGRADING)
    assert WorklistSettings(**RIS, calling_aet="MINE").connection("RADGATE").calling_aet == "MINE"
