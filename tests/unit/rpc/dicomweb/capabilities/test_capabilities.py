"""Capabilities as WADL: all routes of the protos are in it, none is written by hand."""

from collections.abc import Iterator
from xml.etree import ElementTree

from radgate_server.rpc.dicomweb.capabilities.resource import OPERATIONS, capabilities
from radgate_server.rpc.server.grpc_server import DICOMWEB
from radgate_server.rpc.server.http_rules import http_routes

BASE = "https://pacs.example/dicom-web"
NAMES = {"w": "http://wadl.dev.java.net/2009/02"}


def methods(resource: ElementTree.Element, above: str = "/dicom-web") -> Iterator[tuple[str, str, ElementTree.Element]]:
    for method in resource.findall("w:method", NAMES):
        yield method.attrib["name"], above, method
    for child in resource.findall("w:resource", NAMES):
        yield from methods(child, f"{above}/{child.attrib['path']}")


def described() -> dict[tuple[str, str], ElementTree.Element]:
    [resources] = ElementTree.fromstring(capabilities(BASE)).findall("w:resources", NAMES)
    assert resources.attrib["base"] == BASE
    found = list(methods(resources))
    assert len(found) == len({method.attrib["id"] for _, _, method in found})
    return {(name, path): method for name, path, method in found}


def values(method: ElementTree.Element, path: str, attribute: str) -> list[str]:
    return [one.attrib[attribute] for one in method.findall(path, NAMES)]


def test_every_route_below_the_base_is_described() -> None:
    routes = {(route.method, route.path.replace("=**", "")) for route in http_routes(DICOMWEB)}
    below = {route for route in routes if route[1].startswith("/dicom-web/")}
    assert set(described()) == below
    assert set(OPERATIONS) == {method.name for method in DICOMWEB.methods} - {"RetrieveCapabilities"}


def test_a_search_lists_its_parameters_and_media_types() -> None:
    search = described()["GET", "/dicom-web/studies"]
    names = values(search, "w:request/w:param[@style='query']", "name")
    assert {"limit", "offset", "includefield", "fuzzymatching", "PatientID", "StudyDate", "accept"} <= set(names)
    assert values(search, "w:response/w:representation", "mediaType") == ["application/dicom+json", "application/json"]


def test_instances_list_the_transfer_syntaxes_that_can_be_made() -> None:
    study = described()["GET", "/dicom-web/studies/{study}"]
    options = values(study, "w:request/w:param[@name='Accept']/w:option", "value")
    instance = 'multipart/related; type="application/dicom"; transfer-syntax='
    assert {f"{instance}{syntax}" for syntax in ("*", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.201")} <= set(options)


def test_storing_lists_what_it_takes_and_each_status() -> None:
    store = described()["POST", "/dicom-web/studies/{study}"]
    takes = values(store, "w:request/w:representation", "mediaType")
    assert takes == ['multipart/related; type="application/dicom"', "application/dicom"]
    assert values(store, "w:response", "status") == ["200 202 409"]


def test_variables_of_a_path_are_template_parameters() -> None:
    document = ElementTree.fromstring(capabilities(BASE))
    for resource in document.iterfind(".//w:resource", NAMES):
        templates = values(resource, "w:param[@style='template']", "name")
        assert [f"{{{name}}}" for name in templates] == [path for path in [resource.attrib["path"]] if path[0] == "{"]
