"""Receivers of alerts in the settings: what is wrong with one is reported, and no secret is shown."""

from typing import Any

import pytest

from radgate_server.core.alerts.alert import Severity
from radgate_server.core.errors import ConfigurationError
from radgate_server.settings.alerts import PagerDutyReceiver, SmtpReceiver
from radgate_server.settings.settings import load_settings

MAIL: dict[str, Any] = {
    "kind": "smtp",
    "name": "mail",
    "host": "mail.example",
    "sender": "radgate@example.org",
    "recipients": ["a@example.org"],
}
PAGER: dict[str, Any] = {
    "kind": "pagerduty",
    "name": "pager",
    "routing_key": "very-secret",
    "least_severity": "critical",
}
SLACK: dict[str, Any] = {"kind": "slack", "name": "chat", "url": "https://hooks.slack.com/services/very-secret"}
HOOK: dict[str, Any] = {"kind": "webhook", "name": "hook", "url": "https://ops.example/hook", "secret": "very-secret"}


def test_receivers_are_distinguished_by_their_kind() -> None:
    receivers = load_settings(alerts={"receivers": [MAIL, PAGER, SLACK, HOOK]}).alerts.receivers
    assert [receiver.kind for receiver in receivers] == ["smtp", "pagerduty", "slack", "webhook"]
    assert isinstance(receivers[0], SmtpReceiver)
    assert receivers[0].recipients == ("a@example.org",)
    assert isinstance(receivers[1], PagerDutyReceiver)
    assert receivers[1].least_severity is Severity.CRITICAL
    assert "very-secret" not in repr(receivers)


def test_receivers_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADGATE_ALERTS__RECEIVERS", '[{"kind": "slack", "name": "chat", "url_file": "/run/url"}]')
    (receiver,) = load_settings().alerts.receivers
    assert (receiver.kind, receiver.name) == ("slack", "chat")


@pytest.mark.parametrize(
    ("receiver", "message"),
    [
        ({**SLACK, "url": ""}, "url or url_file must be given"),
        ({**SLACK, "url_file": "/run/url"}, "url and url_file exclude each other"),
        ({**PAGER, "routing_key": ""}, "routing_key or routing_key_file must be given"),
        ({**HOOK, "secret": ""}, "secret or secret_file must be given"),
        ({**HOOK, "url": "ftp://ops.example"}, "String should match pattern"),
        ({**HOOK, "url": "http://ops.example:99999/"}, r"webhook\.url .*a port from 1 to 65535"),
        ({**HOOK, "url": "http://ops.example:0/"}, "a port from 1 to 65535"),
        ({**HOOK, "url": "http://[::1/"}, "URL with a host"),
        ({**HOOK, "url": "http://:80/"}, "URL with a host"),
        ({**HOOK, "url": "https://ops..example/"}, "parts between dots"),
        ({**MAIL, "host": "mail..example"}, r"smtp\.host .*parts between dots"),
        ({**MAIL, "host": "x" * 64}, "parts between dots"),
        ({**MAIL, "username": "röntgen", "password": "very-secret"}, "must be ASCII"),
        ({**MAIL, "username": "radgate", "password": "very-secret-schlüssel"}, "must be ASCII"),
        ({**MAIL, "username": "radgate"}, "password or password_file must be given"),
        ({**MAIL, "username": "u", "password": "very-secret", "security": "none"}, "no password may cross"),
        ({**MAIL, "recipients": []}, "at least 1 item"),
        ({**MAIL, "recipients": ["nobody"]}, "String should match pattern"),
        ({**MAIL, "kind": "fax"}, "does not match any of the expected tags"),
    ],
)
def test_what_is_wrong_stops_the_start(receiver: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_settings(alerts={"receivers": [receiver]})
    assert "alerts.receivers" in caught.value.message
    assert "very-secret" not in caught.value.message


@pytest.mark.parametrize(
    "receiver",
    [
        {**HOOK, "url": "https://[2001:db8::1]:8443/hook"},
        {**HOOK, "url": "https://größe.example"},
        {**MAIL, "host": "mail.example."},
        {**MAIL, "host": "::1"},
        {**MAIL, "password": "schlüssel"},  # not sent: there is no username
    ],
)
def test_what_can_be_reached_is_taken(receiver: dict[str, Any]) -> None:
    (taken,) = load_settings(alerts={"receivers": [receiver]}).alerts.receivers
    assert taken.kind == receiver["kind"]


def test_each_receiver_needs_a_name_of_its_own() -> None:
    with pytest.raises(ConfigurationError, match="a name of its own"):
        load_settings(alerts={"receivers": [SLACK, SLACK]})
