"""Settings of decoding, transcoding, rendering and jobs."""

from pydantic import Field

from radgate_server.settings.shared.table import GIB, MIB, Seconds, Table


class ImagingSettings(Table):
    """Decoding, transcoding, rendering, thumbnails, jobs."""

    workers: int = Field(
        default=0, ge=0, le=256, description="Processes that decode and render; 0 means one for each processor."
    )
    worker_memory_bytes: int = Field(
        default=4 * GIB, ge=256 * MIB, description="Address space of one worker; a job that needs more fails alone."
    )
    job_timeout_s: Seconds = Field(default=60, description="A worker that takes longer for one image is replaced.")
    max_waiting: int = Field(default=1000, ge=1, description="Images that wait for a worker; more are refused (503).")
    max_frame_bytes: int = Field(
        default=512 * MIB, ge=MIB, description="A frame that is larger when decoded is refused (413)."
    )
    max_rendered_pixels: int = Field(
        default=64 << 20, ge=1 << 16, description="Pixels of one rendered picture; larger viewports are refused (413)."
    )
    derived_bytes: int = Field(
        default=2 * GIB, ge=0, description="Disk for thumbnails and transcoded instances, below data_dir/derived."
    )
    background_thumbnails: bool = Field(
        default=True, description="Make a thumbnail of each instance when it arrives, while workers have time."
    )
    max_running_jobs: int = Field(
        default=2, ge=0, le=64, description="Jobs that run at the same time; 0: none, `radgate worker` runs them."
    )
    max_background_jobs: int = Field(
        default=1, ge=0, le=64, description="Those of them that may be of the class background."
    )
    max_waiting_jobs: int = Field(
        default=1000,
        ge=1,
        description="Jobs of one tenant that wait or are paused; more are refused (429), those of the class"
        " background from half of that on.",
    )
