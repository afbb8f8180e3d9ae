"""HashiCorp Vault and OpenBao, by hvac: a client for each call, and what its failures mean."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radgate_server.core.errors import ConfigurationError, KeyProviderUnavailableError
from radgate_server.settings.secrets import VaultSettings


class VaultCalls:
    """Calls to Vault, each in a thread with a client of its own; a token from a file is read each time.

    So a token that an agent renews is used at once, and none is kept.
    """

    def __init__(self, settings: VaultSettings) -> None:
        self._settings = settings

    async def call[T](self, missing: str, work: Callable[[Any], T]) -> T:
        """Give `work` an hvac client. `missing` says what it means that Vault knows nothing of what is asked for.

        Raises:
            ConfigurationError: hvac, its settings, or what is asked for is missing.
            KeyProviderUnavailableError: Vault does not answer, is sealed, or refuses this server.
        """
        return await asyncio.to_thread(self._call, missing, work)

    def _call[T](self, missing: str, work: Callable[[Any], T]) -> T:
        if not self._settings.url:
            raise ConfigurationError("setting secrets.vault.url: must be given to use Vault")
        try:
            import hvac
        except ImportError:
            raise ConfigurationError("Vault needs hvac: install radgate-server[vault]") from None
        settings = self._settings
        client = hvac.Client(
            url=settings.url,
            token=self._token(),
            namespace=settings.namespace or None,
            verify=settings.ca_file or True,
            timeout=settings.timeout_s,
        )
        try:
            with _said(missing):
                return work(client)
        finally:
            client.adapter.close()

    def _token(self) -> str:
        if not self._settings.token_file:
            return self._settings.token.get_secret_value()
        try:
            return Path(self._settings.token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise KeyProviderUnavailableError("the file of secrets.vault.token_file can't be read") from None


@contextmanager
def _said(missing: str) -> Iterator[None]:
    """Say what failed. Vault's texts hold paths and stay here."""
    from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, Unauthorized, VaultError
    from requests.exceptions import RequestException

    try:
        yield
    except (InvalidPath, InvalidRequest):
        raise ConfigurationError(missing) from None
    except (Forbidden, Unauthorized):
        raise KeyProviderUnavailableError("Vault refuses this server: check its token and policy") from None
    except VaultError as error:
        raise KeyProviderUnavailableError(f"Vault answered with a failure: {type(error).__name__}") from None
    except RequestException:
        raise KeyProviderUnavailableError("Vault can't be reached") from None
