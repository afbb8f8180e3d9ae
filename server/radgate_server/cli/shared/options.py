"""What commands have in common: the settings, the tenant, JSON, and how failures are reported."""

import gc
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from datetime import timedelta
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import click

from radgate_server.core.errors import GatewayError

if TYPE_CHECKING:
    from radgate_server.settings.settings import Settings

_CONFIG_FILE = "radgate.config_file"


class LazyCommand(NamedTuple):
    """A command that is imported when it is called: "module:name" below radgate_server.cli, and its line of help."""

    where: str
    help: str


class _Commands(MutableMapping[str, click.Command]):
    """Commands by name; each lazy one is imported when somebody asks for it."""

    def __init__(self, lazy: Mapping[str, LazyCommand]) -> None:
        self.lazy = dict(lazy)
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded and name in self.lazy:
            module, _, attribute = self.lazy[name].where.partition(":")
            command: click.Command = getattr(import_module(f"radgate_server.cli.{module}"), attribute)
            self._loaded[name] = command
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        self.lazy.pop(name, None)
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.lazy, **self._loaded})

    def __len__(self) -> int:
        return len({**self.lazy, **self._loaded})


class RadgateGroup(click.Group):
    """The commands in the order of their making, and foreseen failures as one line on stderr with exit status 1."""

    def __init__(self, *args: Any, lazy: Mapping[str, LazyCommand] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})
        if self._lazy:
            self.commands = _Commands(self._lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; lazy ones by their line of help, without importing them."""
        if not self._lazy:
            super().format_commands(ctx, formatter)
            return
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in self._lazy.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except GatewayError as error:
            raise click.ClickException(error.message) from error


class Span(click.ParamType[timedelta]):
    """A span of time: a whole number and s, m, h or d."""

    name = "span"
    _UNITS: ClassVar = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read "90d", "24h", "15m" or "30s"."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,6})([smhd])", value)
        if match is None:
            self.fail(f"{value!r} is no span of time such as 90d, 24h, 15m or 30s", param, ctx)
        return timedelta(**{self._UNITS[match[2]]: int(match[1])})


class EnumChoice[E: StrEnum](click.Choice[E]):
    """One of an enumeration, by the value that people know it by; click's own choice would ask for its name."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """The value as it is typed."""
        return str(choice)


def _remember_config_file(ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().meta[_CONFIG_FILE] = value


config_option = click.option(
    "--config",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_remember_config_file,
    expose_value=False,
    help="TOML file with settings.",
)
"""Stands before or after the command's name."""

tenant_option = click.option("--tenant", "tenant_id", metavar="TENANT", required=True, help="Tenant to act for.")
any_tenant_option = click.option("--tenant", "tenant_id", metavar="TENANT", help="Only this tenant; else all.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def current_settings() -> "Settings":
    """Read the settings for the command that is running, which has been imported by now: garbage is collected again.

    Raises:
        ConfigurationError: naming what is wrong.
    """
    from radgate_server.settings.settings import load_settings  # with all that it needs, it is slow to import

    gc.enable()
    return load_settings(click.get_current_context().find_root().meta.get(_CONFIG_FILE))


def together[**P, R](
    *decorators: Callable[[Callable[P, R]], Callable[P, R]],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make one decorator of several options, shown in this order."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
