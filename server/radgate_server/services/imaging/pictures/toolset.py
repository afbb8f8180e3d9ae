"""All that shows images, put together."""

from dataclasses import dataclass

from radgate_server.core.cache.ports.tiers import HotCache
from radgate_server.core.imaging.ports import FrameWorkers
from radgate_server.services.imaging.frame_budget import FrameBudget
from radgate_server.services.imaging.pictures.render import Renderer
from radgate_server.services.imaging.pictures.representative import Representatives
from radgate_server.services.imaging.pictures.thumbnails import Thumbnails
from radgate_server.services.imaging.stored_frames import StoredFrames
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.instances import InstanceReader


@dataclass(frozen=True, slots=True)
class Pictures:
    """What is needed to answer whoever wants to see something."""

    frames: StoredFrames
    renderer: Renderer
    thumbnails: Thumbnails
    representatives: Representatives
    places: InstanceLocator


def build_pictures(
    instances: InstanceReader,
    workers: FrameWorkers,
    derived: HotCache,
    representatives: Representatives,
    places: InstanceLocator,
    *,
    max_pixels: int,
    room: FrameBudget | None = None,
) -> Pictures:
    """Put them together; a picture has at most `max_pixels` pixels, and `room` is where frames wait for workers."""
    frames = StoredFrames(instances, room)
    renderer = Renderer(frames, instances, workers, max_pixels=max_pixels)
    thumbnails = Thumbnails(frames, renderer, workers, derived)
    return Pictures(frames, renderer, thumbnails, representatives, places)
