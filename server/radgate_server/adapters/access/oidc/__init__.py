"""Tokens of identity providers: OpenID Connect Discovery 1.0, JSON Web Keys (RFC 7517), JSON Web Tokens (RFC 7519)."""

from radgate_server.adapters.access.oidc.verifier import OidcVerifier

__all__ = ["OidcVerifier"]
