"""The server's side of the workers: processes kept alive, jobs shared out among them."""

from radgate_server.adapters.imaging.workers.image_workers import ImageWorkers

__all__ = ["ImageWorkers"]
