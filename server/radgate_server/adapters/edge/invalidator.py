"""CloudFront: invalidations by its API (CreateInvalidation)."""

import asyncio
from collections.abc import Sequence
from typing import Any

from radgate_server.core.errors import ConfigurationError, NotDeliveredError

_TIMEOUT_S = 10.0
_REGION = "us-east-1"
"""Where the API of CloudFront is, whose distributions lie in none."""
_LATER = frozenset({"TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "ServiceUnavailable"})


class CloudFrontInvalidator:
    """EdgeInvalidator by boto3, which finds credentials where it always does.

    Raises:
        ConfigurationError: boto3 is missing.
    """

    def __init__(self, distribution_id: str) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError:
            raise ConfigurationError("setting edge.distribution_id: install radgate-server[aws]") from None
        self._distribution_id = distribution_id
        self._client: Any = boto3.session.Session().client(
            "cloudfront",
            region_name=_REGION,
            config=Config(connect_timeout=_TIMEOUT_S, read_timeout=_TIMEOUT_S, retries={"max_attempts": 0}),
        )

    async def invalidate(self, wildcards: Sequence[str], reference: str) -> None:
        """Drop what lies under these paths; the reference is CloudFront's CallerReference."""
        await asyncio.to_thread(self._invalidate, wildcards, reference)

    async def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _invalidate(self, wildcards: Sequence[str], reference: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        paths = {"Quantity": len(wildcards), "Items": list(wildcards)}
        try:
            self._client.create_invalidation(
                DistributionId=self._distribution_id,
                InvalidationBatch={"Paths": paths, "CallerReference": reference},
            )
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise NotDeliveredError(f"CloudFront answers {code}", passing=code in _LATER) from None
        except BotoCoreError as error:  # its text may hold the endpoint; its class says enough
            raise NotDeliveredError(f"CloudFront can't be asked: {type(error).__name__}") from None
