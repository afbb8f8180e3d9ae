"""Web Application Description Language (W3C Member Submission, 31 August 2009), as far as PS3.18 annex H wants it."""

from collections.abc import Iterable
from typing import NamedTuple
from xml.etree import ElementTree

from radgate_server.rpc.server.http_rules import HttpRoute

_NAMESPACE = "http://wadl.dev.java.net/2009/02"


class Operation(NamedTuple):
    """What may be asked of a resource: the media ranges of `Accept`, query parameters, media types of the body.

    A body comes with each of `statuses`. The query parameter `accept` stands in for the header, whatever the operation.
    """

    gives: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    statuses: tuple[int, ...] = (200,)


def wadl(base: str, operations: Iterable[tuple[Operation, HttpRoute]]) -> bytes:
    """A document of one tree of resources below `base`; the paths of the routes are relative to it.

    The id of a method is its rpc, and what the path names last where it names something: "RetrieveRendered.series".
    """
    application = ElementTree.Element("application", {"xmlns": _NAMESPACE})
    resources = ElementTree.SubElement(application, "resources", {"base": base})
    found = {"": resources}
    for operation, route in operations:
        _add_method(_resource(found, route.path), operation, route)
    document: bytes = ElementTree.tostring(application, encoding="utf-8", xml_declaration=True)
    return document


def _resource(found: dict[str, ElementTree.Element], path: str) -> ElementTree.Element:
    """The resource of the path, made with those above it when it is the first that lies there."""
    if path not in found:
        above, _, segment = path.rpartition("/")
        parent = _resource(found, above)
        name = _variable(segment)
        resource = ElementTree.SubElement(parent, "resource", {"path": f"{{{name}}}" if name else segment})
        if name:
            ElementTree.SubElement(resource, "param", {"name": name, "style": "template", "required": "true"})
        found[path] = resource
    return found[path]


def _variable(segment: str) -> str:
    """The name in "{name}" and "{name=**}", "" of a literal."""
    return segment[1:-1].partition("=")[0] if segment.startswith("{") else ""


def _add_method(resource: ElementTree.Element, operation: Operation, route: HttpRoute) -> None:
    names = [name for segment in route.path.split("/") if (name := _variable(segment))]
    identifier = ".".join((route.rpc, *names[-1:]))
    method = ElementTree.SubElement(resource, "method", {"name": route.method, "id": identifier})
    request = ElementTree.SubElement(method, "request")
    accept = ElementTree.SubElement(
        request, "param", {"name": "Accept", "style": "header", "default": operation.gives[0]}
    )
    for media_range in operation.gives:
        ElementTree.SubElement(accept, "option", {"value": media_range})
    for name in (*operation.parameters, "accept"):
        ElementTree.SubElement(request, "param", {"name": name, "style": "query"})
    _add_representations(request, operation.takes)
    response = ElementTree.SubElement(method, "response", {"status": " ".join(map(str, operation.statuses))})
    _add_representations(response, operation.gives)


def _add_representations(parent: ElementTree.Element, media_types: Iterable[str]) -> None:
    for media_type in media_types:
        ElementTree.SubElement(parent, "representation", {"mediaType": media_type})
