"""Which variables of the environment are settings, and what is wrong with those that look so and are not."""

import difflib
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from radgate_server.core.failure_text import describe_failure

PREFIX = "RADGATE_"
_BETWEEN = "__"
_FILE = "_FILE"

_SERVICE_LINK = re.compile(
    r"RADGATE(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
"""What Kubernetes sets for services called radgate, or radgate-something."""


class Variables:
    """The settings of `model` as variables: RADGATE_HTTP_PORT, RADGATE_CACHE__WARM_BYTES."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._fields = dict(_fields(model, PREFIX))
        self._open = tuple(name + _BETWEEN for name, field in self._fields.items() if _is_dict(field))

    def problems(self, environment: Mapping[str, str]) -> list[str]:
        """One line for each variable that begins with RADGATE_ and is no setting, or that no setting can be read from.

        Those that Kubernetes makes for a service called radgate are none.
        """
        names = sorted(name for name in environment if name.upper().startswith(PREFIX))
        return [problem for name in names if (problem := self._problem(name, environment[name]))]

    def read_files(self, environment: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """The secrets that stand in files which variables name, as RADGATE_DATABASE_URL_FILE, and what is wrong."""
        values: dict[str, str] = {}
        problems: list[str] = []
        for name, file in sorted(environment.items()):
            if (secret := self._secret_of_file(name)) is None:
                continue
            if secret in environment or secret.lower() in environment:
                problems.append(f"variables {secret} and {name} exclude each other; set one of them")
                continue
            try:
                values[secret] = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"variable {name} = {file!r}: the file can't be read: {describe_failure(error)}")
        return values, problems

    def with_files(self, environment: Mapping[str, str | None]) -> dict[str, str | None]:
        """The environment with the secrets that `read_files` finds in place of the variables that name their files."""
        given = {name: value for name, value in environment.items() if value is not None}
        others = {name: value for name, value in environment.items() if self._secret_of_file(name) is None}
        values, _ = self.read_files(given)
        return others | {name.lower(): value for name, value in values.items()}

    def variable_of(self, location: tuple[str | int, ...], environment: Mapping[str, str]) -> str:
        """The variable that is set and holds the setting at the location, alone or in a table or list; "" for none."""
        present = {name.upper(): name for name in environment}
        for length in range(len(location), 0, -1):
            name = PREFIX + _BETWEEN.join(str(part).upper() for part in location[:length])
            if name in present:
                return present[name]
            if name + _FILE in present and name + _FILE not in self._fields:
                return present[name + _FILE]
        return ""

    def _problem(self, name: str, value: str) -> str:
        known = name.upper()
        if known in self._fields:
            return _json_problem(name, value, self._fields[known])
        if known.startswith(self._open) or self._secret_of_file(known) or _is_service_link(known, value):
            return ""
        if known.endswith(_FILE) and known.removesuffix(_FILE) in self._fields:
            return f"variable {name}: only secrets are read from files; set {known.removesuffix(_FILE)} instead"
        names = [each.removeprefix(PREFIX) for each in self._fields]
        near = difflib.get_close_matches(known.removeprefix(PREFIX), names, n=1)
        hint = f"did you mean {PREFIX}{near[0]}?" if near else "docs/configuration.md lists all"
        return f"variable {name}: there is no such setting; {hint}"

    def _secret_of_file(self, name: str) -> str | None:
        secret = name.upper().removesuffix(_FILE)
        if secret == name.upper() or name.upper() in self._fields:
            return None
        return secret if secret in self._fields and self._fields[secret].annotation is SecretStr else None


def nearest_setting(model: type[BaseModel], location: tuple[str | int, ...]) -> str:
    """The name of the setting that the last part of the location may have been meant for; "" when none is like it."""
    names: list[str] = []
    tables: list[type[BaseModel]] = [model]
    for part in location[:-1]:
        fields = [table.model_fields[part] for table in tables if isinstance(part, str) and part in table.model_fields]
        tables = [
            found for field in fields for found in tables_of(field.annotation)
        ] or tables  # a list's index or kind
    for table in tables:
        names += table.model_fields
    return next(iter(difflib.get_close_matches(str(location[-1]), names, n=1)), "")


def is_secret(model: type[BaseModel], location: tuple[str | int, ...]) -> bool:
    """Whether the setting at the location, or the one that the list or table there belongs to, may be a secret."""
    tables, found = [model], list[FieldInfo]()
    for part in location:
        fields = [table.model_fields[part] for table in tables if isinstance(part, str) and part in table.model_fields]
        if fields:
            found = fields
            tables = [inner for field in fields for inner in tables_of(field.annotation)] or tables
    return any("SecretStr" in str(field.annotation) for field in found)


def tables_of(kind: Any) -> list[type[BaseModel]]:
    """The models that a setting of this type holds: its own, those of its list, those of its union."""
    if isinstance(kind, typing.TypeAliasType):
        return tables_of(kind.__value__)
    if isinstance(kind, type) and typing.get_origin(kind) is None and issubclass(kind, BaseModel):
        return [kind]
    return [table for argument in typing.get_args(kind) for table in tables_of(argument)]


def is_list(kind: Any) -> bool:
    """Whether a setting of this type is a list."""
    return typing.get_origin(kind) is tuple


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name)) and ("://" in value or not name.endswith("_PORT") or "_SERVICE_" in name)


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        yield variable, field
        if not is_list(field.annotation):
            for table in tables_of(field.annotation):
                yield from _fields(table, variable + _BETWEEN)


def _is_dict(field: FieldInfo) -> bool:
    return typing.get_origin(field.annotation) is dict


def _json_problem(name: str, value: str, field: FieldInfo) -> str:
    if not (is_list(field.annotation) or _is_dict(field) or tables_of(field.annotation)):
        return ""
    try:
        json.loads(value)
    except ValueError:
        example = """'["one", "two"]'""" if is_list(field.annotation) else """'{"name": "value"}'"""
        return f"variable {name}: in the environment a list or a table must be JSON, as in {name}={example}"
    return ""
