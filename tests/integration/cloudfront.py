"""Distributions of CloudFront as moto plays it."""

from collections.abc import Mapping, Sequence
from typing import Any

_ENDS = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
_ORIGIN = {"Id": "o", "DomainName": "radgate.example", "CustomOriginConfig": _ENDS}


def make_distribution(admin: Any) -> str:
    """The id of a new one in front of Radgate; `admin` is a client of boto3."""
    configuration = {
        "CallerReference": "one",
        "Origins": {"Quantity": 1, "Items": [_ORIGIN]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
        "Comment": "",
        "Enabled": True,
    }
    distribution_id: str = admin.create_distribution(DistributionConfig=configuration)["Distribution"]["Id"]
    return distribution_id


def invalidated(admin: Any, distribution_id: str) -> Mapping[str, Sequence[str]]:
    """The paths that were invalidated, sorted, by CallerReference."""
    listed = admin.list_invalidations(DistributionId=distribution_id)["InvalidationList"].get("Items", ())
    found = [admin.get_invalidation(DistributionId=distribution_id, Id=one["Id"])["Invalidation"] for one in listed]
    batches = [each["InvalidationBatch"] for each in found]
    return {batch["CallerReference"]: sorted(batch["Paths"]["Items"]) for batch in batches}
