"""What STOW-RS answers: the status, and the Store Instances Response Module (PS3.18 10.5.3, annex I). Pure."""

import json
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

from pydicom.datadict import keyword_for_tag

from radgate_server.core.dicom.data_sets import DicomJson
from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.errors import InstanceTooLargeError
from radgate_server.core.store.outcome import RefusedInstance, StoredInstance, StoreResult
from radgate_server.rpc.dicomweb.negotiation.offers import DICOM_XML

OK, ACCEPTED, CONFLICT, TOO_LARGE, UNAVAILABLE = 200, 202, 409, 413, 503

_REFERENCED_SOP_CLASS_UID = "00081150"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_RETRIEVE_URL = "00081190"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"
_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_SEQUENCE = "00081199"
_OTHER_FAILURES_SEQUENCE = "0008119A"
_NATIVE_MODEL = "http://dicom.nema.org/PS3.19/models/NativeDICOM"


def http_status(results: Sequence[StoreResult]) -> int:
    """The status of the whole (PS3.18 table 10.5.3-1).

    When nothing was stored it says what to do: 413 send smaller ones, 503 try again later, 409 look at the reasons.
    """
    refused = [result for result in results if isinstance(result, RefusedInstance)]
    if len(refused) < len(results):
        spotless = all(isinstance(result, StoredInstance) and not result.warning for result in results)
        return OK if spotless else ACCEPTED
    if all(isinstance(result.error, InstanceTooLargeError) for result in refused):
        return TOO_LARGE
    return UNAVAILABLE if all(result.is_passing for result in refused) else CONFLICT


def response_module(results: Sequence[StoreResult], root: str) -> DicomJson:
    """The Store Instances Response Module (PS3.18 table I.2-1) in the DICOM JSON model; `root` is that of DICOMweb.

    Retrieve URL is that of the study when all that was stored belongs to one.
    """
    stored = [result for result in results if isinstance(result, StoredInstance)]
    refused = [result for result in results if isinstance(result, RefusedInstance)]
    studies = {result.ref.study_instance_uid for result in stored}
    module = {_RETRIEVE_URL: _element("UR", f"{root}/studies/{studies.pop()}" if len(studies) == 1 else None)}
    sequences = {
        _FAILED_SOP_SEQUENCE: [_failed(result, result.ref) for result in refused if result.ref is not None],
        _REFERENCED_SOP_SEQUENCE: [_referenced(result, root) for result in stored],
        _OTHER_FAILURES_SEQUENCE: [_failure(result) for result in refused if result.ref is None],
    }
    return module | {tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items}


def encode_module(module: DicomJson, content_type: str) -> bytes:
    """Write it as `content_type`: XML (PS3.19 A.1), else JSON (PS3.18 F)."""
    return _to_xml(module) if content_type == DICOM_XML else json.dumps(module, separators=(",", ":")).encode()


def _element(vr: str, value: str | int | None) -> dict[str, Any]:
    return {"vr": vr} if value is None else {"vr": vr, "Value": [value]}


def _sop(sop_class_uid: str, ref: InstanceRef) -> DicomJson:
    return {
        _REFERENCED_SOP_CLASS_UID: _element("UI", sop_class_uid),
        _REFERENCED_SOP_INSTANCE_UID: _element("UI", ref.sop_instance_uid),
    }


def _referenced(result: StoredInstance, root: str) -> DicomJson:
    ref = result.ref
    place = f"studies/{ref.study_instance_uid}/series/{ref.series_instance_uid}/instances/{ref.sop_instance_uid}"
    item = {**_sop(result.sop_class_uid, ref), _RETRIEVE_URL: _element("UR", f"{root}/{place}")}
    return {**item, _WARNING_REASON: _element("US", result.warning)} if result.warning else item


def _failed(result: RefusedInstance, ref: InstanceRef) -> DicomJson:
    return {**_sop(result.sop_class_uid, ref), **_failure(result)}


def _failure(result: RefusedInstance) -> DicomJson:
    return {_FAILURE_REASON: _element("US", result.failure_reason)}


def _to_xml(module: DicomJson) -> bytes:
    root = ElementTree.Element("NativeDicomModel", {"xmlns": _NATIVE_MODEL, "xml:space": "preserve"})
    _add_attributes(root, module)
    encoded: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded


def _add_attributes(parent: ElementTree.Element, data_set: DicomJson) -> None:
    for tag, element in sorted(data_set.items()):
        named = {"tag": tag, "vr": element["vr"], "keyword": keyword_for_tag(int(tag, 16))}
        attribute = ElementTree.SubElement(parent, "DicomAttribute", named)
        for number, value in enumerate(element.get("Value", ()), 1):
            name = "Item" if element["vr"] == "SQ" else "Value"
            child = ElementTree.SubElement(attribute, name, {"number": str(number)})
            if isinstance(value, dict):
                _add_attributes(child, value)
            else:
                child.text = str(value)
