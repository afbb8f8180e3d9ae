"""The labels that a search for studies is limited to. Orthanc before 1.12.0 would ignore them, and answer with all."""

from typing import Any

from radgate_server.adapters.pacs.orthanc.rest import OrthancRest, readable
from radgate_server.core.errors import PacsCannotError
from radgate_server.core.pacs.labels import StudyLabels


class LabelledStudies:
    """What is asked of one Orthanc about a connection's labels, once it has said that it knows any."""

    def __init__(self, rest: OrthancRest, labels: StudyLabels) -> None:
        self._rest = rest
        self._labels = labels
        self._can_label = False

    def __bool__(self) -> bool:
        """Whether there are labels to look at."""
        return bool(self._labels.names)

    async def labels(self) -> StudyLabels:
        """The connection's labels, which this Orthanc knows.

        Raises:
            PacsCannotError: it knows none.
            PacsError: as any question.
        """
        if self and not self._can_label:
            system = await self._rest.get("/system")
            with readable(self._rest.pacs):
                self._can_label = bool(system.get("HasLabels", False))
            if not self._can_label:
                text = "the PACS keeps no labels: they need Orthanc 1.12.0 or newer, and a database that knows them"
                raise PacsCannotError(text, pacs=self._rest.pacs)
        return self._labels

    async def constraint(self) -> dict[str, Any]:
        """The fields of /tools/find that limit a search at the level of studies. Raises as `labels`.

        They would not limit it to what lies in these studies: each resource has labels of its own.
        """
        labels = await self.labels()
        return {"Labels": labels.names, "LabelsConstraint": labels.constraint.capitalize()} if self else {}
