"""The edge in front of the gateway: who signs its URLs."""

import hmac

from radgate_server.adapters.edge.cloudfront import CloudFrontUrlSigner
from radgate_server.adapters.secrets.spool_cipher import SpoolCipher
from radgate_server.app.foundation import Foundation
from radgate_server.services.edge.urls import EdgeUrls


def open_edge(base: Foundation) -> EdgeUrls | None:
    """What signs URLs; None where there is no edge. All servers of the installation open each other's grants.

    Raises:
        ConfigurationError: the key can't be used, or boto3 is missing.
    """
    edge = base.settings.edge
    if not edge.url:
        return None
    key = hmac.digest(base.installation.secrets.peers, b"radgate edge grants 1", "sha256")
    return EdgeUrls(
        edge.url,
        CloudFrontUrlSigner(edge.key_pair_id, edge.private_key_file),
        SpoolCipher(key),
        base.clock,
        tenants=edge.tenants,
        secrets=[secret.get_secret_value() for secret in (edge.origin_secret, edge.former_origin_secret)],
        ttl_s=edge.url_ttl_s,
        max_age_s=edge.max_age_s,
    )
