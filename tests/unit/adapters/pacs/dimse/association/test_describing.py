import pytest

from radgate_server.adapters.pacs.dimse.association.contexts import (
    ALL_SYNTAXES,
    MAX_CONTEXTS,
    STUDY_ROOT_GET,
    VERIFICATION,
    service_proposals,
    storage_proposals,
)
from radgate_server.adapters.pacs.dimse.association.products import product_of
from radgate_server.adapters.pacs.dimse.messages.identifier import charset_in, encode_identifier
from radgate_server.core.dicom.dataset.file_meta import encoding_of
from radgate_server.core.dicom.transfer_syntaxes import TRANSFER_SYNTAXES

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    ("implementation_class_uid", "vendor"),
    [
        ("1.2.276.0.7230010.3.0.3.6.9", "OFFIS DCMTK"),
        ("1.2.40.0.13.1.3", "dcm4che"),
        ("1.2.826.0.1.3680043.9.3811.3.0.4", "pynetdicom"),
        ("1.2.40.0.13.11", ""),
        ("", ""),
    ],
)
def test_software_is_reported_by_the_root_of_its_uid(implementation_class_uid: str, vendor: str) -> None:
    assert product_of(implementation_class_uid, " VERSION_1\x1b\x00 ") == (vendor, "VERSION_1")


@pytest.mark.parametrize("as_scp", [True, False])
def test_every_transfer_syntax_is_asked_for_alone(as_scp: bool) -> None:
    proposals = storage_proposals(as_scp=as_scp)
    assert len(proposals) <= MAX_CONTEXTS
    service, *storage = proposals
    assert service.abstract_syntax == (STUDY_ROOT_GET if as_scp else VERIFICATION)
    asked = {
        (uid,) for uid in ALL_SYNTAXES if TRANSFER_SYNTAXES[uid].kind != "reference"
    }  # JPIP's pixels lie elsewhere
    assert {each.transfer_syntaxes for each in storage} == asked
    assert {each.as_scp for each in storage} == {as_scp}
    assert len({each.abstract_syntax for each in storage}) > 1


def test_services_are_asked_for_together() -> None:
    assert len(service_proposals()) == 4


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("charset", ["ISO_IR 100", r"\ISO 2022 IR 87", ""])
def test_the_character_set_of_an_answer(syntax: str, charset: str) -> None:
    keys = {("00080005",): charset, ("00080052",): "STUDY", ("00100010",): "Nobody"}
    encoded = encode_identifier(keys, implicit=syntax == IMPLICIT)
    assert charset_in(encoded, encoding_of(syntax)) == charset
