"""Doing what was asked for: with the tools of the server, on all processors. Return the exit status."""

import asyncio
from collections.abc import Awaitable, Callable

import click

from radgate_server.cli.imaging.batch import make_all
from radgate_server.cli.imaging.files import Pair, plan, write_output
from radgate_server.cli.imaging.options import ConversionRequest
from radgate_server.cli.imaging.tools import Tools, open_tools
from radgate_server.core.imaging.frames import EncodeTarget
from radgate_server.core.imaging.ports import Priority
from radgate_server.services.imaging.pictures.thumbnails import ThumbnailTarget
from radgate_server.settings.settings import Settings

_PIECE_BYTES = 1 << 20

type Make = Callable[[Tools, Pair], Awaitable[None]]


def transcode_all(settings: Settings, request: ConversionRequest, target: EncodeTarget) -> int:
    """Transcode the file, or all of the directory."""

    async def make(tools: Tools, pair: Pair) -> None:
        instance = await tools.read(pair.source)
        if instance.transfer_syntax_uid == target.transfer_syntax_uid:
            await asyncio.to_thread(write_output, pair.output, (instance.data,))
            return
        made = await tools.images.transcode(instance, target, Priority.INTERACTIVE)
        await asyncio.to_thread(write_output, pair.output, made.content.pieces(_PIECE_BYTES))

    return asyncio.run(_run(settings, request, make))


def show_all(settings: Settings, request: ConversionRequest, side: int, media_type: str) -> int:
    """Make a thumbnail of the file, or of each in the directory."""
    target = ThumbnailTarget(side, side, media_type)

    async def make(tools: Tools, pair: Pair) -> None:
        picture = await tools.images.thumbnail(await tools.read(pair.source), target, Priority.INTERACTIVE)
        await asyncio.to_thread(write_output, pair.output, (picture,))

    return asyncio.run(_run(settings, request, make))


async def _run(settings: Settings, request: ConversionRequest, make: Make) -> int:
    """Make everything, and say on stdout where it is."""
    planned = plan(request)
    async with open_tools(settings) as tools:
        failed = await make_all(
            planned, lambda pair: make(tools, pair), overwrite=request.overwrite, parallel=tools.parallel
        )
    if failed < len(planned.pairs):
        click.echo(planned.output)
    return 1 if failed else 0
