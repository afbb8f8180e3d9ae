"""`radgate transcode` and `radgate thumbnail`: a person's own files, without a server."""

from radgate_server.cli.imaging.thumbnail import thumbnail
from radgate_server.cli.imaging.transcode import transcode

__all__ = ["thumbnail", "transcode"]
