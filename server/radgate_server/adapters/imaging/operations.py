"""What a worker can do to frames, one row an operation. Functions are named: the server itself imports none."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from radgate_server.core.imaging.frames import DecodedFrame, EncodedFrame, RenderedImage

type Result = DecodedFrame | EncodedFrame | RenderedImage


@dataclass(frozen=True, slots=True)
class Operation[Made: Result]:
    """One row. `function` is "module:name" below this package; it is called with the frame and the job's arguments.

    An operation that is `of_many` takes all frames of its job as one sequence.
    """

    name: str
    function: str
    result: type[Made]
    of_many: bool = False

    def load(self) -> Callable[..., Made]:
        """Import the function; done in a worker alone."""
        module, _, name = self.function.partition(":")
        function: Any = getattr(importlib.import_module(f"{__package__}.{module}"), name)
        return function  # type: ignore[no-any-return]


DECODE = Operation("decode", "codecs:decode_frame", DecodedFrame)
DECODE_REDUCED = Operation("decode_reduced", "codecs:decode_reduced", DecodedFrame)
TRANSCODE = Operation("transcode", "codecs:transcode_frame", EncodedFrame)
RENDER = Operation("render", "rendering:render", RenderedImage, of_many=True)

OPERATIONS: Mapping[str, Operation[Any]] = {row.name: row for row in (DECODE, DECODE_REDUCED, TRANSCODE, RENDER)}
