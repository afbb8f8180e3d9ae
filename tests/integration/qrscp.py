"""pynetdicom's qrscp."""

import sys
from dataclasses import dataclass

from tests.integration.small_archive import SmallArchive


@dataclass(kw_only=True)
class QrscpServer(SmallArchive):
    """Start with `with QrscpServer(folder) as archive:`. It answers to any called AE title."""

    ae_title: str = "QRSCP"

    def command(self) -> list[str]:
        """Its index and instances lie in the folder: it takes relative paths from where it is installed."""
        address = ["-ba", "127.0.0.1", "--port", str(self.port), "-aet", self.ae_title]
        index, instances = self.folder.absolute() / "index.sqlite", self.folder.absolute() / "instances"
        places = ["--database-location", str(index), "--instance-location", str(instances)]
        return [sys.executable, "-m", "pynetdicom", "qrscp", *address, *places]
