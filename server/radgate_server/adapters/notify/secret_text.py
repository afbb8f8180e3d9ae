"""A receiver's secret: from the settings, else from its file, again at each use so that it may be changed."""

from pathlib import Path

from pydantic import SecretStr

from radgate_server.core.errors import NotDeliveredError


def secret_text(value: SecretStr, file: Path | None) -> str:
    """Return the secret, "" when there is none. Blocks on the file.

    Raises:
        NotDeliveredError: the file can't be read.
    """
    if file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise NotDeliveredError("the file of the receiver's secret can't be read", passing=True) from None
