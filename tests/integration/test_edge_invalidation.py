"""Invalidations at CloudFront, as moto plays it over HTTP."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from radgate_server.adapters.edge.invalidator import CloudFrontInvalidator
from radgate_server.core.errors import NotDeliveredError
from tests.integration.cloudfront import invalidated, make_distribution
from tests.integration.key_providers import AWS_ENVIRONMENT, moto_server
from tests.integration.ports import free_port


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto_server(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for name, value in {**AWS_ENVIRONMENT, "AWS_ENDPOINT_URL_CLOUDFRONT": address}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def admin(environment: None) -> Iterator[Any]:
    client = boto3.session.Session().client("cloudfront")
    yield client
    client.close()


async def test_paths_are_dropped(admin: Any) -> None:
    distribution_id = make_distribution(admin)
    cloudfront = CloudFrontInvalidator(distribution_id)
    await cloudfront.invalidate(["/edge/north/studies/1.2/*", "/edge/south/*"], "radgate-1")
    await cloudfront.close()
    assert invalidated(admin, distribution_id) == {"radgate-1": ["/edge/north/studies/1.2/*", "/edge/south/*"]}


async def test_a_distribution_that_is_not_there_is_named() -> None:
    cloudfront = CloudFrontInvalidator("E2NONE")
    with pytest.raises(NotDeliveredError, match="CloudFront answers NoSuchDistribution"):
        await cloudfront.invalidate(["/edge/north/*"], "radgate-1")
    await cloudfront.close()


async def test_no_answer_is_a_failure_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", f"http://127.0.0.1:{free_port()}")
    cloudfront = CloudFrontInvalidator("E2NONE")
    with pytest.raises(NotDeliveredError, match="EndpointConnectionError") as failed:
        await cloudfront.invalidate(["/edge/north/*"], "radgate-1")
    assert failed.value.passing
    await cloudfront.close()
