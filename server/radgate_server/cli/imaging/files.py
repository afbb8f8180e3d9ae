"""Which files are read, and which are written: whole or not at all, and none over another one unasked."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from radgate_server.cli.imaging.options import ConversionRequest, Rename
from radgate_server.core.dicom.dataset.file_meta import read_file_meta
from radgate_server.core.errors import ConfigurationError, InstanceMalformedError, ResourceExistsError
from radgate_server.lib.files import write_whole

_HEAD_BYTES = 1 << 16
_MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class Pair:
    """A file that is read, and the one that is made of it."""

    source: Path
    output: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, where it goes, and how many files of the directory are left out as no DICOM instances."""

    pairs: tuple[Pair, ...]
    output: Path
    left_out: int = 0


def plan(request: ConversionRequest) -> Plan:
    """What the request comes to.

    Raises:
        InstanceMalformedError: the file is no DICOM instance.
        ConfigurationError: it can't be read, or the directory holds no instance, or can't be made into a file.
    """
    return _plan_directory(request) if request.source.is_dir() else _plan_file(request)


def _plan_file(request: ConversionRequest) -> Plan:
    source, output = request.source, request.output
    if not _is_instance(source):
        raise InstanceMalformedError(f"{source} is no DICOM instance (PS3.10)")
    if output is None or output.is_dir():
        output = (output or source.parent) / request.rename(source.name)
    return Plan((Pair(source, output),), output)


def _plan_directory(request: ConversionRequest) -> Plan:
    """All instances below the directory, made at the same places below the output, which is not itself read."""
    source = request.source
    output = request.output or source.resolve().with_name(source.resolve().name + request.suffix)
    if output.exists() and not output.is_dir():
        raise ConfigurationError(f"{output} is a file; what is made of a directory needs one")
    found = list(_files_below(source, output))
    instances = [path for path in found if _is_instance(path)]
    if not instances:
        raise ConfigurationError("the directory holds no DICOM instance")
    pairs = (Pair(path, _output_of(path.relative_to(source), output, request.rename_within)) for path in instances)
    return Plan(tuple(pairs), output, len(found) - len(instances))


def _output_of(path: Path, output: Path, rename: Rename) -> Path:
    return output / path.with_name(rename(path.name))


def check_free(pair: Pair, *, overwrite: bool) -> None:
    """Insist that the output may be written.

    Raises:
        ResourceExistsError: there is such a file, or it is the very file that is read.
    """
    if not pair.output.exists():
        return
    if pair.output.samefile(pair.source):
        raise ResourceExistsError("the output would take the place of its source; name another with --output")
    if not overwrite:
        raise ResourceExistsError("the output exists already; --overwrite replaces it")


def write_output(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a file and the folders above it, wholly or not at all. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pieces)


def _files_below(directory: Path, left_out: Path) -> Iterator[Path]:
    excluded = left_out.resolve()
    for parent, directories, names in directory.walk():
        directories[:] = sorted(name for name in directories if (parent / name).resolve() != excluded)
        yield from (parent / name for name in sorted(names))


def _is_instance(path: Path) -> bool:
    """Whether it is a DICOM file other than a DICOMDIR. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            meta = read_file_meta(memoryview(file.read(_HEAD_BYTES)))
    except InstanceMalformedError:
        return False
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {os.strerror(error.errno or 0)}") from None
    return meta.sop_class_uid != _MEDIA_STORAGE_DIRECTORY
