"""What the parts of the settings have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MIB = 1 << 20
GIB = 1 << 30

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Table(BaseModel):
    """One table of the settings; a name in it that is no setting's is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
