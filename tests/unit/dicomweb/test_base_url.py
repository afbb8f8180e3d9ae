"""Where clients are told to come back to."""

import pytest

from radgate_server.rpc.dicomweb.base_url import base_url


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
    assert base_url(lambda name: headers.get(name, "")) == expected


def test_what_the_operator_says_goes_before_what_requests_say() -> None:
    headers = {"x-forwarded-host": "other.example", "x-forwarded-proto": "http"}
    assert base_url(lambda name: headers.get(name, ""), "https://pacs.example") == "https://pacs.example"
