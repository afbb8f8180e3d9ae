"""Settings of what sets rules of prefetching off."""

from typing import Self

from pydantic import Field, model_validator

from radgate_server.settings.shared.orders import OrderSettings
from radgate_server.settings.shared.table import Table
from radgate_server.settings.shared.worklists import WorklistSettings


class PrefetchSettings(Table):
    """What sets rules of prefetching off; rules themselves are data of each tenant."""

    arrival_days: int = Field(
        default=3,
        ge=0,
        le=3650,
        description="Of the studies that PACS report, one whose Study Date is more days away sets nothing off.",
    )
    worklists: tuple[WorklistSettings, ...] = Field(default=(), description="Modality worklists that are read.")
    orders: OrderSettings = OrderSettings()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [worklist.name for worklist in self.worklists]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two worklists are called {twice[0]}; each needs a name of its own")
        return self
