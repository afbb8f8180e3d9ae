"""`radgate transcode` and `radgate thumbnail`: a person's own files, without a server."""

from radgate_server.cli.images.thumbnail import thumbnail
from radgate_server.cli.images.transcode import transcode

__all__ = ["thumbnail", "transcode"]
