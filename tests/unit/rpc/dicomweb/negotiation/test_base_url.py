"""Where clients are notified to come back to."""

import pytest

from radgate_server.rpc.dicomweb.negotiation.base_url import BaseUrl
from radgate_server.settings.gateway import GatewaySettings
from radgate_server.settings.settings import Settings


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "http://localhost"),
        ({"x-forwarded-host": "pacs.example.org"}, "http://pacs.example.org"),
        ({"x-forwarded-host": "localhost:8080", "x-forwarded-proto": "http"}, "http://localhost:8080"),
        ({"x-forwarded-host": "a.example, b.example", "x-forwarded-proto": "https, http"}, "https://a.example"),
        ({"x-forwarded-host": "[::1]:8080"}, "http://[::1]:8080"),
        ({"forwarded": "for=1.2.3.4;host=a.example;proto=https, host=b.example"}, "https://a.example"),
        ({"forwarded": 'Host="a.example:444"; Proto=HTTPS', "x-forwarded-host": "b.example"}, "https://a.example:444"),
        ({"forwarded": "for=1.2.3.4", "x-forwarded-host": "b.example"}, "http://b.example"),
        ({"x-forwarded-host": 'evil"},{"x', "x-forwarded-proto": "javascript"}, "http://localhost"),
        ({"x-forwarded-host": "user@evil.example"}, "http://localhost"),
        ({"x-forwarded-host": "evil.example/path"}, "http://localhost"),
        ({"x-forwarded-host": "evil.example\n"}, "http://evil.example"),
    ],
)
def test_it_is_what_the_outermost_proxy_saw(headers: dict[str, str], expected: str) -> None:
    assert BaseUrl().of(lambda name: headers.get(name, "")) == expected


def test_what_the_operator_says_goes_before_what_requests_say() -> None:
    headers = {"x-forwarded-host": "other.example", "x-forwarded-proto": "http"}
    assert BaseUrl("https://pacs.example").of(lambda name: headers.get(name, "")) == "https://pacs.example"


def reports(base_url: BaseUrl, caplog: pytest.LogCaptureFixture, *hosts: str, proto: str = "http") -> list[str]:
    """What the log says of requests that name these hosts."""
    caplog.clear()
    for host in hosts:
        base_url.of(lambda name, host=host: {"x-forwarded-host": host, "x-forwarded-proto": proto}.get(name, ""))
    return [record.getMessage() for record in caplog.records]


def test_a_host_without_the_port_of_the_gateway_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    base_url = BaseUrl.from_settings(Settings(http_port=8080))
    said = reports(base_url, caplog, "pacs.example", "pacs.example", "[::1]", "[::1]:8080", "pacs.example:99999", "")
    assert [line.partition(" without")[0] for line in said] == [
        f"a client names the host {host}" for host in ("pacs.example", "[::1]")
    ]
    assert "gateway.public_url" in said[0]
    assert caplog.records[0].__dict__["http_port"] == 8080
    assert reports(base_url, caplog, "pacs.example") == []


def test_a_free_port_is_none_that_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    assert reports(BaseUrl.from_settings(Settings(http_port=0)), caplog, "pacs.example")


def test_clients_can_not_fill_the_log_with_hosts(caplog: pytest.LogCaptureFixture) -> None:
    base_url = BaseUrl(port=8080)
    assert len(reports(base_url, caplog, *(f"host{number}.example" for number in range(1000)))) == 16


@pytest.mark.parametrize(
    ("http_port", "gateway", "proto"),
    [
        (80, GatewaySettings(), "http"),
        (443, GatewaySettings(), "https"),
        (8080, GatewaySettings(public_url="https://pacs.example"), "http"),
        (8080, GatewaySettings(trusted_proxies=1), "https"),
        (8080, GatewaySettings(enabled=False), "http"),
    ],
)
def test_a_host_without_a_port_is_no_news_where_none_is_needed_or_nobody_knows(
    caplog: pytest.LogCaptureFixture, http_port: int, gateway: GatewaySettings, proto: str
) -> None:
    base_url = BaseUrl.from_settings(Settings(http_port=http_port, gateway=gateway))
    assert reports(base_url, caplog, "pacs.example", proto=proto) == []
