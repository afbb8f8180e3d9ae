"""The part of the settings that is about a content delivery network in front of the gateway."""

from pydantic import Field, SecretStr, model_validator

from radgate_server.settings.shared.table import Seconds, Table

_LEAST_SECRET = 32


class EdgeSettings(Table):
    """CloudFront, or what verifies URLs as it does. Needs the extra `aws` (installing.md)."""

    url: str = Field(
        default="",
        pattern=r"^(https?://[A-Za-z0-9.:\[\]_-]+)?$",
        description="Scheme and host of the edge, as in https://d111111abcdef8.cloudfront.net; empty: there is none.",
    )
    tenants: tuple[str, ...] = Field(
        default=(), description="Tenants whose clients are redirected to the edge when they ask by `Prefer: edge`."
    )
    key_pair_id: str = Field(default="", description="Id of the public key in the edge's key group.")
    private_key_file: str = Field(default="", description="The private key (RSA, PEM) that URLs are signed with.")
    origin_secret: SecretStr = Field(
        default=SecretStr(""),
        description=f"What the edge sends as X-Edge-Secret with each request, at least {_LEAST_SECRET} characters.",
    )
    former_origin_secret: SecretStr = Field(
        default=SecretStr(""), description="One that is accepted too while the edge is changed over; empty: none."
    )
    distribution_id: str = Field(
        default="",
        pattern=r"^[A-Z0-9]*$",
        description="Id of CloudFront's distribution, to have it drop what is invalidated; empty: that ends by itself.",
    )
    url_ttl_s: Seconds = Field(default=900, le=86400, description="How long a signed URL is valid.")
    max_age_s: Seconds = Field(default=86400, description="How long edge and browser may keep what such a URL names.")

    @model_validator(mode="after")
    def _is_whole(self) -> "EdgeSettings":
        needed = {
            "key_pair_id": self.key_pair_id,
            "private_key_file": self.private_key_file,
            "origin_secret": self.origin_secret.get_secret_value(),
        }
        if self.url and (missing := [name for name, value in needed.items() if not value]):
            raise ValueError(f"edge.url needs edge.{missing[0]} too")
        if self.distribution_id and not self.url:
            raise ValueError("edge.distribution_id needs edge.url too")
        for secret in (self.origin_secret, self.former_origin_secret):
            if 0 < len(secret.get_secret_value()) < _LEAST_SECRET:
                raise ValueError(f"a secret of the origin must have at least {_LEAST_SECRET} characters")
        return self
