"""The edge in front of the gateway: who signs its URLs, and what it is to drop."""

from radgate_server.adapters.edge.cloudfront import CloudFrontUrlSigner
from radgate_server.adapters.edge.invalidator import CloudFrontInvalidator
from radgate_server.adapters.telemetry.metrics.edge import EdgeMetrics
from radgate_server.app.foundation import Foundation
from radgate_server.installation.edge import grant_cipher
from radgate_server.services.edge.invalidation import EdgeInvalidation
from radgate_server.services.edge.urls import EdgeUrls


def open_edge(base: Foundation) -> EdgeUrls | None:
    """What signs URLs; None where there is no edge. All servers of the installation open each other's grants.

    Raises:
        ConfigurationError: the key can't be used, or boto3 is missing.
    """
    edge = base.settings.edge
    if not edge.url:
        return None
    return EdgeUrls(
        edge.url,
        CloudFrontUrlSigner(edge.key_pair_id, edge.private_key_file),
        grant_cipher(base.installation.secrets),
        base.clock,
        tenants=edge.tenants,
        secrets=[secret.get_secret_value() for secret in (edge.origin_secret, edge.former_origin_secret)],
        ttl_s=edge.url_ttl_s,
        max_age_s=edge.max_age_s,
    )


def start_edge_invalidation(base: Foundation) -> None:
    """Hand what is invalidated on to the edge, where its distribution is named.

    Raises:
        ConfigurationError: boto3 is missing.
    """
    edge, installation = base.settings.edge, base.installation
    if not edge.distribution_id:
        return
    cloudfront = CloudFrontInvalidator(edge.distribution_id)
    base.stack.push_async_callback(cloudfront.close)
    base.run(
        EdgeInvalidation(
            installation.directories.feed,
            installation.directories.feed_readers,
            cloudfront,
            installation.audit.sink,
            EdgeMetrics(base.telemetry.families),
            base.clock,
            tenants=edge.tenants,
        )
    )
