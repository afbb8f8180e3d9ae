"""The REST routes of a service, by the google.api.http options of its methods."""

from collections.abc import Iterator
from typing import NamedTuple

from google.api.annotations_pb2 import http
from google.protobuf.descriptor import ServiceDescriptor


class HttpRoute(NamedTuple):
    """One way to an rpc: "GET", "/dicom-web/studies/{study}".

    A variable is one segment of the path, or with `=**` all that follow.
    """

    rpc: str
    method: str
    path: str


def http_routes(service: ServiceDescriptor) -> Iterator[HttpRoute]:
    """All routes of the service, in the order of its methods."""
    for rpc in service.methods:
        rule = rpc.GetOptions().Extensions[http]
        for binding in (rule, *rule.additional_bindings):
            pattern = binding.WhichOneof("pattern")
            if pattern == "custom":
                yield HttpRoute(rpc.name, binding.custom.kind, binding.custom.path)
            elif pattern:
                yield HttpRoute(rpc.name, pattern.upper(), getattr(binding, pattern))
