"""What is wrong with a setting stops the start with one clear line."""

import pytest

from radgate_server.config import load_settings
from radgate_server.core.errors import ConfigurationError


def test_networks_are_read() -> None:
    settings = load_settings(pacs={"allowed_networks": ["10.0.0.0/8", "fd00::/8", "192.0.2.1"]})
    assert settings.pacs.allowed_networks == ("10.0.0.0/8", "fd00::/8", "192.0.2.1")


@pytest.mark.parametrize("network", ["10.0.0.1/8", "10.0.0.0/33", "hospital"])
def test_what_is_no_network_is_told(network: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(pacs={"allowed_networks": [network]})
    (line,) = caught.value.message.splitlines()
    assert line.startswith("setting pacs.allowed_networks (or RADGATE_PACS__ALLOWED_NETWORKS): not a network such as")
    assert network in line


@pytest.mark.parametrize(
    ("role", "only", "told"),
    [
        ("viewer", {}, "only.restriction: names nothing that a study could have"),
        ("viewer", {"patients": []}, "only.restriction: names nothing that a study could have"),
        ("viewer", {"patients": ["SECRET*"]}, "only.patients.patient_id: 1 to 64 characters, without"),
        ("viewer", {"study_dates": "yesterday"}, "only.study_dates: "),
        ("operator", {"modalities": "CT"}, "a certificate for some studies alone is a viewer's"),
    ],
)
def test_a_certificate_that_is_confined_to_nothing_or_in_vain_is_told(
    role: str, only: dict[str, object], told: str
) -> None:
    certificate = {"name": "DNS:practice.example", "tenants": "north", "role": role, "only": only}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(auth={"certificates": [certificate]})
    assert told in caught.value.message
    assert "SECRET" not in caught.value.message


@pytest.mark.parametrize("zone", ["Mars", "Europe", "../etc/passwd"])
def test_a_time_zone_that_does_not_exist_is_told(zone: str) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(reports={"time_zone": zone})
