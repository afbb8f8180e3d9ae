"""Generate docs/configuration.md from the settings' own types and descriptions.

`--check` changes nothing and exits with 1 when the committed file is not what the settings say.
"""

import argparse
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from enum import StrEnum
from inspect import cleandoc
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from radgate_server.settings.access import AuthSettings, CertificateSettings, OidcSettings
from radgate_server.settings.alerts import RECEIVERS, AlertReceiver, AlertsSettings
from radgate_server.settings.audit import COLLECTORS, AuditCollector, AuditExportSettings
from radgate_server.settings.prefetch import PrefetchSettings
from radgate_server.settings.reports import REPORT_RECEIVERS, ReportReceiver, ReportSettings
from radgate_server.settings.settings import Settings
from radgate_server.settings.shared.orders import OrderSenderSettings
from radgate_server.settings.shared.worklists import WorklistSettings
from radgate_server.settings.telemetry import LogRule, TelemetrySettings

MANUAL = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
KIB = 1 << 10
UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (KIB, "KiB"))

INTRODUCTION = """\
# Configuration

<!-- Made by scripts/settings_manual.py from server/radgate_server/settings; edit there. -->

A setting comes from the environment, else from the TOML file given with `--config FILE`, else from its default here.
Units are part of the names: `_s` seconds, `_bytes` bytes. Lists are JSON in the environment
(`RADGATE_GATEWAY__ALLOWED_ORIGINS='["https://viewer.example.org"]'`) and arrays in the file.

```toml
# radgate.toml
http_port = 8080
database_url = "postgresql+psycopg://radgate@db.example.org/radgate"

[cache]
warm_bytes = 100_000_000_000
```

A secret may stand in a file of its own, which the variable with `_FILE` at its end names:
`RADGATE_DATABASE_URL_FILE=/run/credentials/radgate.service/database_url`.

Whatever is wrong stops the start before anything is made or opened, with one line for each thing: setting, value (not
of secrets), variable or file, and what to do. That goes for names that are no setting's too, also of variables that
begin with `RADGATE_`; only those are ignored that Kubernetes makes for services called radgate. Of OpenTelemetry's
variables (`OTEL_EXPORTER_OTLP_ENDPOINT`) each counts where the setting of `telemetry` for it is not given:
[traces](tracing.md).
"""

TABLE = """
| In the file | In the environment | Default | Allowed | What it does |
|---|---|---|---|---|
"""

LISTS: dict[Any, str] = {
    AlertReceiver: "list of receivers",
    ReportReceiver: "list of receivers",
    AuditCollector: "list of collectors",
    OidcSettings: "list of tables",
    CertificateSettings: "list of tables",
    OrderSenderSettings: "list of tables",
    LogRule: "list of tables",
    WorklistSettings: "list of tables",
}

REPEATED: dict[Any, dict[str, type[BaseModel]]] = {
    AuthSettings: {"oidc": OidcSettings, "certificates": CertificateSettings},
    PrefetchSettings: {"worklists": WorklistSettings, "orders.senders": OrderSenderSettings},
    TelemetrySettings: {"log_sampling": LogRule},
}

REPEATED_TABLE = """
| In the file | Default | Allowed | What it does |
|---|---|---|---|
"""


def manual() -> str:
    """Return the whole file."""
    general = {name: field for name, field in Settings.model_fields.items() if section_of(field) is None}
    parts = [INTRODUCTION, "\n## General\n", TABLE, *rows(general, ())]
    for name, field in Settings.model_fields.items():
        section = section_of(field)
        if section is not None:
            parts += [f"\n## `[{name}]`\n\n{_text(section)}\n", TABLE, *rows(section.model_fields, (name,))]
        if section is AlertsSettings:
            parts += kinds(f"{name}.receivers", RECEIVERS)
        if section is ReportSettings:
            parts += kinds(f"{name}.receivers", REPORT_RECEIVERS)
        if section is AuditExportSettings:
            parts += kinds("audit_export.collectors", COLLECTORS)
        if section in REPEATED:
            parts += repeated(name, REPEATED[section])
    return "".join(parts)


def repeated(section: str, tables: dict[str, type[BaseModel]]) -> Iterator[str]:
    """Yield the tables of a section that may be repeated, each with those within it."""
    for name, table in tables.items():
        yield f"\n### `[[{section}.{name}]]`\n\n{_text(table)}\n{REPEATED_TABLE}"
        yield from table_lines(table)
        for inner, field in table.model_fields.items():
            if (within := section_of(field)) is not None:
                yield f"\n### `[{section}.{name}.{inner}]`\n\n{_text(within)}\n{REPEATED_TABLE}"
                yield from table_lines(within)


def table_lines(table: type[BaseModel], *, without: str = "") -> Iterator[str]:
    """Yield one line for each setting of a table that may be repeated, so that no variable names it.

    A table within it has one of its own.
    """
    for name, field in table.model_fields.items():
        if name != without and section_of(field) is None:
            yield line(f"`{name}`", default_text(name, field), allowed_text(field), field.description or "")


def kinds(path: str, tables: Iterable[type[BaseModel]]) -> Iterator[str]:
    """Yield a table for each kind of what the list holds."""
    for table in tables:
        kind = typing.get_args(table.model_fields["kind"].annotation)[0]
        yield f'\n### `[[{path}]]`, `kind = "{kind}"`\n\n{_text(table)}\n{REPEATED_TABLE}'
        yield from table_lines(table, without="kind")


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a nested table, which may be one that can be left out; None for a plain setting."""
    kind = field.annotation
    if isinstance(kind, types.UnionType) and len(given := set(typing.get_args(kind)) - {types.NoneType}) == 1:
        (kind,) = given
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def rows(fields: dict[str, FieldInfo], prefix: tuple[str, ...], within: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield one line of the table for each setting; `within` are the tables inside of the section that it is in."""
    for name, field in fields.items():
        inner = inner_tables(field) if prefix else ()
        for table in inner:
            yield from rows(table.model_fields, prefix, (*within, name))
        if inner:
            continue
        variable = "RADGATE_" + "__".join((*prefix, *within, name)).upper()
        path, description = ".".join((*within, name)), field.description or ""
        yield line(f"`{path}`", f"`{variable}`", default_text(name, field), allowed_text(field), description)


def line(*cells: str) -> str:
    """Return one line of a table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def inner_tables(field: FieldInfo) -> tuple[type[BaseModel], ...]:
    """Return the models of a table within a section: one, or several distinguished by their kind; none of a value."""
    if typing.get_origin(field.annotation) is tuple:
        return ()
    kinds = typing.get_args(field.annotation) or (field.annotation,)
    return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))


def _text(section: type[BaseModel]) -> str:
    return cleandoc(section.__doc__ or "")  # its indentation goes by itself from Python 3.13 on


def default_text(name: str, field: FieldInfo) -> str:
    """Return the default as one would write it, sizes also in binary units."""
    value = field.default
    if field.is_required():
        return "must be given"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value in ("", (), {}, None):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`" + (binary_text(value) if name.endswith("_bytes") else "")


def binary_text(value: int) -> str:
    """Return " (20 GiB)" for a whole number of a binary unit."""
    return next((f" ({value // unit} {word})" for unit, word in UNITS if value and value % unit == 0), "")


def allowed_text(field: FieldInfo) -> str:
    """Return the type, or the values or bounds that it is limited to."""
    if typing.get_origin(field.annotation) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(field.annotation))
    kind = type_text(field.annotation)
    bounds = [text for item in field.metadata if (text := bound_text(item))]
    return f"{kind}, {', '.join(bounds)}" if bounds else kind


def type_text(kind: Any) -> str:
    """Return a type in plain words."""
    words = {
        bool: "`true`, `false`",
        int: "integer",
        float: "number",
        str: "text",
        Path: "path",
        SecretStr: "text, secret",
    }
    if typing.get_origin(kind) is dict:
        return "table, secret" if SecretStr in typing.get_args(kind) else "table"
    if isinstance(kind, types.GenericAlias):
        return LISTS.get(typing.get_args(kind)[0], "list of text")
    if isinstance(kind, typing.TypeAliasType):
        return ", ".join(f"`{value}`" for value in typing.get_args(kind.__value__))
    if isinstance(kind, types.UnionType):
        return type_text(typing.get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    return words[kind]


def bound_text(item: Any) -> str:
    """Return one bound, such as "at least 1"."""
    match item:
        case annotated_types.Ge(ge=bound):
            return f"at least {bound}"
        case annotated_types.Gt(gt=bound):
            return f"more than {bound}"
        case annotated_types.Le(le=bound):
            return f"at most {bound}"
        case annotated_types.Lt(lt=bound):
            return f"less than {bound}"
    return ""


def main() -> None:
    """Write the manual, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    made = manual()
    if not parser.parse_args().check:
        MANUAL.write_text(made, encoding="utf-8")
    elif not MANUAL.exists() or MANUAL.read_text(encoding="utf-8") != made:
        sys.exit("docs/configuration.md is not current; run scripts/settings_manual.py")


if __name__ == "__main__":
    main()
