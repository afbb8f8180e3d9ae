"""Everything about secrets that the settings ask for, put together."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from radgate_server.adapters.secrets.aws.client import AwsClients
from radgate_server.adapters.secrets.aws.kms_keys import KIND as AWS_KMS
from radgate_server.adapters.secrets.aws.kms_keys import KmsKeys
from radgate_server.adapters.secrets.box import EnvelopeBox
from radgate_server.adapters.secrets.derive import derive
from radgate_server.adapters.secrets.files.encryption_keys import KIND as FILE
from radgate_server.adapters.secrets.files.encryption_keys import FileKeys
from radgate_server.adapters.secrets.files.key_file import load_key
from radgate_server.adapters.secrets.provider import KeyProvider
from radgate_server.adapters.secrets.references import References
from radgate_server.adapters.secrets.vault.client import VaultCalls
from radgate_server.adapters.secrets.vault.transit_keys import KIND as VAULT
from radgate_server.adapters.secrets.vault.transit_keys import TransitKeys
from radgate_server.core.secrets.ports import KeyRing, ReferenceReader, SecretBox
from radgate_server.settings.secrets import KmsKeySettings, TransitKeySettings
from radgate_server.settings.settings import Settings


@dataclass(frozen=True, slots=True)
class SecretStore:
    """The box, the versions of the key that it seals under, and the way to secrets that are kept elsewhere.

    All servers of the installation, and nobody else, know the 32 bytes of `peers`.
    """

    box: SecretBox
    ring: KeyRing
    references: ReferenceReader
    peers: bytes = field(repr=False)


def open_secrets(stack: AsyncExitStack, settings: Settings) -> SecretStore:
    """Connect to nothing yet; `stack` closes what will have been opened.

    Whichever provider seals what is new, all open what they sealed before: a version says where it belongs.

    Raises:
        ConfigurationError: the key file in data_dir can't be used.
    """
    secrets = settings.secrets
    aws, vault = AwsClients(secrets.aws), VaultCalls(secrets.vault)
    stack.push_async_callback(aws.close)
    kms = secrets.keys if isinstance(secrets.keys, KmsKeySettings) else KmsKeySettings(kind="aws-kms", key_id="")
    transit = secrets.keys if isinstance(secrets.keys, TransitKeySettings) else TransitKeySettings(kind="vault")
    providers: dict[str, KeyProvider] = {
        FILE: FileKeys(settings.data_dir),
        AWS_KMS: KmsKeys(aws, kms.key_id),
        VAULT: TransitKeys(vault, transit.mount, transit.key),
    }
    ring = providers[secrets.keys.kind]
    box = EnvelopeBox(settings.data_dir, providers, secrets.keys.kind)
    peers = derive(load_key(settings.data_dir), b"radgate peers 1")
    return SecretStore(box, ring, References(aws, vault, secrets.vault.kv_mount), peers)
