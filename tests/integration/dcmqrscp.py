"""DCMTK's dcmqrscp."""

from dataclasses import dataclass, field

from tests.integration.small_archive import SmallArchive


@dataclass(kw_only=True)
class DcmqrscpServer(SmallArchive):
    """Start with `with DcmqrscpServer(folder, move_port=11112) as archive:`; C-MOVE goes to AE title RADGATE there."""

    move_port: int = field(kw_only=False)
    ae_title: str = "DCMTK"

    def command(self) -> list[str]:
        """Its configuration and instances lie in the folder."""
        storage = self.folder / "db"
        storage.mkdir(exist_ok=True)
        configuration = self.folder / "dcmqrscp.cfg"
        configuration.write_text(
            "\n".join(
                (
                    f"NetworkTCPPort = {self.port}",
                    "MaxPDUSize = 131072",
                    "MaxAssociations = 16",
                    "HostTable BEGIN",
                    f"gateway = (RADGATE, 127.0.0.1, {self.move_port})",
                    "HostTable END",
                    "AETable BEGIN",
                    f"{self.ae_title} {storage} RW (100, 1024mb) ANY",
                    "AETable END",
                    "",
                )
            )
        )
        return ["dcmqrscp", "-c", str(configuration)]
