"""What the parts of the settings have in common."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MIB = 1 << 20
GIB = 1 << 30

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


def _as_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
"""A list of text; one text stands for a list of it alone."""


class Table(BaseModel):
    """One table of the settings; a name in it that is no setting's is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
