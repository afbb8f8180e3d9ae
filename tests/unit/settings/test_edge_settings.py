"""An edge is configured whole, or not at all."""

import pytest
from pydantic import ValidationError

from radgate_server.settings.shared.edge import EdgeSettings

WHOLE = {
    "url": "https://d111.cloudfront.net",
    "key_pair_id": "K1",
    "private_key_file": "/etc/radgate/edge.pem",
    "origin_secret": "s" * 32,
}


def test_what_is_whole_is_taken() -> None:
    assert EdgeSettings.model_validate(WHOLE).url == WHOLE["url"]


@pytest.mark.parametrize("missing", ["key_pair_id", "private_key_file", "origin_secret"])
def test_what_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ValidationError, match=f"edge.url needs edge.{missing}"):
        EdgeSettings.model_validate({**WHOLE, missing: ""})


@pytest.mark.parametrize("changed", [{"origin_secret": "short"}, {"former_origin_secret": "short"}])
def test_a_secret_that_can_be_guessed_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="at least 32 characters"):
        EdgeSettings.model_validate({**WHOLE, **changed})


def test_an_address_with_a_path_is_refused() -> None:
    with pytest.raises(ValidationError):
        EdgeSettings.model_validate({**WHOLE, "url": "https://d111.cloudfront.net/images"})
