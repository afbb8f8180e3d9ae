"""A directory of DICOM files as a PACS."""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal, Self, override

from radgate_server.core.errors import InvalidArgumentError
from radgate_server.core.pacs.kinds.kind import ConnectionKind, PacsConnection


@dataclass(frozen=True, slots=True)
class FolderConnection(PacsConnection):
    """A directory of DICOM files on this machine, read-only."""

    path: str
    kind: Literal["folder"] = "folder"

    @override
    def checked(self) -> Self:
        if not PurePath(self.path).is_absolute():
            raise InvalidArgumentError("folder.path", "must be an absolute path on the server's machine")
        return self

    @property
    @override
    def endpoint(self) -> str:
        return self.path

    @property
    @override
    def place(self) -> tuple[str, ...]:
        return (self.path,)

    @property
    @override
    def summary(self) -> str:
        return self.path

    @property
    @override
    def max_parallel(self) -> int:
        return sys.maxsize

    @property
    @override
    def reads_private_files(self) -> bool:
        return True


FOLDER = ConnectionKind(FolderConnection, "folder", "a directory of DICOM files as a read-only PACS")
