"""What servers share in Redis is encrypted, or not shared."""

import pytest
from pydantic import ValidationError

from radgate_server.settings.cache import CacheSettings


def test_nothing_is_shared_by_default() -> None:
    assert not CacheSettings(encrypted=False).redis.url.get_secret_value()


def test_nothing_is_shared_in_the_clear() -> None:
    shared = {"url": "redis://127.0.0.1:6379/0"}
    assert CacheSettings.model_validate({"redis": shared}).redis.entry_bytes == 1 << 20
    with pytest.raises(ValidationError, match=r"cache\.redis\.url needs cache\.encrypted = true"):
        CacheSettings.model_validate({"redis": shared, "encrypted": False})
