"""Kinds of PACS that other packages declare by the entry point `radgate.pacs_adapters`."""

import logging
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from radgate_server.adapters.pacs.context import PacsAdapter
from radgate_server.core.errors import ConfigurationError
from radgate_server.core.pacs.kinds.extension import check_extension
from radgate_server.core.pacs.kinds.table import BUILT_IN, replace_extensions

GROUP = "radgate.pacs_adapters"

_log = logging.getLogger(__name__)


@cache
def pacs_adapters() -> Mapping[str, PacsAdapter]:
    """The adapters that are installed beside this package, by their kinds, which are entered into the table of kinds.

    One that can't be used is logged, and leaves the reason in the table.

    Raises:
        ConfigurationError: two distributions declare one kind, or one of them a built-in kind.
    """
    adapters: dict[str, PacsAdapter] = {}
    unavailable: dict[str, str] = {}
    for name, declared in _by_kind(entry_points(group=GROUP)).items():
        try:
            adapters[name] = _load(declared)
        except ConfigurationError as error:
            unavailable[name] = f"the package {_distribution(declared)} is at fault: {error.message}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - what a package does when imported is its own fault
            package, failure = _distribution(declared), type(error).__name__
            _log.error("the package %s failed to load: %s: %s", package, failure, error)
            _log.debug("where the package failed to load", exc_info=error)
            unavailable[name] = (
                f"the package {package} failed to load ({failure}): mend or remove it on each server, and restart it"
            )
    for name, reason in unavailable.items():
        _log.error("PACS of the kind %s can't be used: %s", name, reason)
    replace_extensions({name: adapter.kind for name, adapter in adapters.items()}, unavailable)
    return adapters


def _by_kind(declared: Iterable[EntryPoint]) -> Mapping[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for each in declared:
        if each.name in BUILT_IN:
            raise ConfigurationError(
                f"the package {_distribution(each)} declares a PACS adapter {each.name!r}, which is a kind of"
                " radgate-server itself: remove the package"
            )
        if each.name in found:
            first, second = sorted((_distribution(found[each.name]), _distribution(each)))
            raise ConfigurationError(
                f"the packages {first} and {second} both declare a PACS adapter {each.name!r}: remove one of them"
            )
        found[each.name] = each
    return found


def _load(declared: EntryPoint) -> PacsAdapter:
    adapter = declared.load()
    if not isinstance(adapter, PacsAdapter):
        raise ConfigurationError(f"{declared.value} is no PacsAdapter")
    check_extension(declared.name, adapter.kind)
    return adapter


def _distribution(declared: EntryPoint) -> str:
    return declared.dist.name if declared.dist else declared.value
