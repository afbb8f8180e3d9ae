"""The part of the settings that says where keys and secrets are kept."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from radgate_server.settings.shared.table import Seconds, Table


class FileKeySettings(Table):
    """Key-encryption keys in files below data_dir/keys."""

    kind: Literal["file"] = Field(default="file", description="Where the key is that secrets are sealed under.")


class KmsKeySettings(Table):
    """A key-encryption key in AWS KMS."""

    kind: Literal["aws-kms"] = Field(description="A key in AWS KMS.")
    key_id: str = Field(description="The key's id, ARN, or alias/NAME.")


class TransitKeySettings(Table):
    """A key-encryption key in the transit engine of HashiCorp Vault or OpenBao."""

    kind: Literal["vault"] = Field(description="A key in the transit engine of HashiCorp Vault or OpenBao.")
    mount: str = Field(default="transit", min_length=1, description="Where the engine is mounted.")
    key: str = Field(default="radgate", min_length=1, description="The key's name; it must be Radgate's alone.")


class AwsSettings(Table):
    """AWS; its credentials come from where boto3 looks for them."""

    region: str = Field(default="", description="AWS region; empty means the one that boto3 finds.")
    endpoint_url: str = Field(default="", description="Another address of AWS's services, such as a VPC endpoint.")
    timeout_s: Seconds = Field(default=5, description="Connecting to AWS, and waiting for its answer.")


class VaultSettings(Table):
    """HashiCorp Vault or OpenBao."""

    url: str = Field(default="", description="Vault's address, such as https://vault.example:8200.")
    token: SecretStr = Field(default=SecretStr(""), description="Token for Vault; better is a file.")
    token_file: str = Field(default="", description="File with the token, as Vault's agent writes it; read each time.")
    namespace: str = Field(default="", description="Vault's namespace.")
    ca_file: str = Field(default="", description="Authorities to trust for Vault (PEM); empty means certifi's.")
    kv_mount: str = Field(default="secret", min_length=1, description="Where its key-value engine (version 2) is.")
    timeout_s: Seconds = Field(default=5, description="Connecting to Vault, and waiting for its answer.")


class SecretsSettings(Table):
    """How the credentials of PACS are sealed, and where they are read that are only referred to."""

    keys: Annotated[FileKeySettings | KmsKeySettings | TransitKeySettings, Field(discriminator="kind")] = (
        FileKeySettings()
    )
    cache_s: float = Field(
        default=30,
        ge=0,
        description="How long a secret is cached that is read over a network or by a reference; 0 reads it each time.",
    )
    rewrap_interval_s: Seconds = Field(
        default=60, description="How often a server looks for secrets that are sealed under an old key."
    )
    tenant_prefix: str = Field(
        default="radgate/{tenant}/",
        pattern=r"^([^{}]*\{tenant\}[^{}]*/)?$",
        description="Names below which keys of a tenant may refer to secrets in AWS and Vault; empty means none.",
    )
    aws: AwsSettings = AwsSettings()
    vault: VaultSettings = VaultSettings()
