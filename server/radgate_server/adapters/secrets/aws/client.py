"""AWS, by boto3: clients made when first used, and what their failures mean."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from radgate_server.core.errors import ConfigurationError, KeyProviderUnavailableError
from radgate_server.settings.secrets import AwsSettings

_UNUSABLE = {
    # of the answer's error code: what it means for a secret
    "NotFoundException": "AWS KMS has no such key",
    "DisabledException": "the key in AWS KMS is disabled",
    "KMSInvalidStateException": "the key in AWS KMS is disabled, or to be deleted",
    "InvalidCiphertextException": "a secret's data key does not open under its key in AWS KMS",
    "IncorrectKeyException": "a secret's data key does not open under its key in AWS KMS",
    "ResourceNotFoundException": "AWS Secrets Manager has no such secret",
    "InvalidRequestException": "the secret in AWS Secrets Manager is to be deleted",
}
_REFUSED = frozenset({"AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException"})


class AwsClients:
    """Calls to AWS, each in a thread. Credentials come from where boto3 looks for them, never from our settings."""

    def __init__(self, settings: AwsSettings) -> None:
        self._settings = settings
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    async def call[T](self, service: str, work: Callable[[Any], T]) -> T:
        """Give `work` the client of a service ("kms").

        Raises:
            ConfigurationError: boto3 is missing, or what is named is not there.
            KeyProviderUnavailableError: AWS does not answer, or refuses this server.
        """
        return await asyncio.to_thread(self._call, service, work)

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _call[T](self, service: str, work: Callable[[Any], T]) -> T:
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError:
            raise ConfigurationError("AWS needs boto3: install radgate-server[aws]") from None
        try:
            return work(self._client(service))
        except ClientError as error:
            raise _meaning(str(error.response.get("Error", {}).get("Code", ""))) from None
        except BotoCoreError as error:  # its text may hold the endpoint; its class says enough
            raise KeyProviderUnavailableError(f"AWS can't be asked: {type(error).__name__}") from None

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        with self._lock:
            if service not in self._clients:
                timeout_s = self._settings.timeout_s
                self._clients[service] = boto3.session.Session().client(
                    service,
                    region_name=self._settings.region or None,
                    endpoint_url=self._settings.endpoint_url or None,
                    config=Config(connect_timeout=timeout_s, read_timeout=timeout_s, retries={"max_attempts": 2}),
                )
            return self._clients[service]


def _meaning(code: str) -> ConfigurationError | KeyProviderUnavailableError:
    if code in _UNUSABLE:
        return ConfigurationError(_UNUSABLE[code])
    if code in _REFUSED:
        return KeyProviderUnavailableError("AWS refuses this server: check its credentials and policy")
    return KeyProviderUnavailableError("AWS answered with a failure")
