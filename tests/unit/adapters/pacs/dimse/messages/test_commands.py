"""Our command sets are those of pynetdicom, and malformed ones are refused."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_messages import C_CANCEL_RQ, C_ECHO_RSP, C_FIND_RQ, C_GET_RSP, C_MOVE_RQ, C_STORE_RQ, C_STORE_RSP
from pynetdicom.dimse_primitives import C_CANCEL, C_ECHO, C_FIND, C_GET, C_MOVE, C_STORE
from pynetdicom.dsutils import encode

from radgate_server.adapters.pacs.dimse.messages.commands import decode_command, encode_command

CT = "1.2.840.10008.5.1.4.1.1.2"


def message(kind: type[Any], **values: Any) -> Any:
    primitive = kind()
    for keyword, value in values.items():
        setattr(primitive, keyword, value)
    return primitive


STORE = {"AffectedSOPClassUID": CT, "AffectedSOPInstanceUID": "1.2.3"}
EXAMPLES = [
    (C_STORE_RQ, message(C_STORE, MessageID=7, Priority=0, DataSet=BytesIO(b"12"), **STORE), True),
    (
        C_STORE_RQ,
        message(
            C_STORE,
            MessageID=7,
            MoveOriginatorApplicationEntityTitle="ODD",
            MoveOriginatorMessageID=9,
            DataSet=BytesIO(b"12"),
            **STORE,
        ),
        True,
    ),
    (C_STORE_RSP, message(C_STORE, MessageIDBeingRespondedTo=7, Status=0xA700, **STORE), False),
    (C_FIND_RQ, message(C_FIND, MessageID=65535, AffectedSOPClassUID=CT, Priority=1, Identifier=BytesIO(b"12")), True),
    (
        C_MOVE_RQ,
        message(C_MOVE, MessageID=1, AffectedSOPClassUID=CT, MoveDestination="RADGATE", Identifier=BytesIO(b"12")),
        True,
    ),
    (
        C_GET_RSP,
        message(
            C_GET,
            MessageIDBeingRespondedTo=1,
            AffectedSOPClassUID=CT,
            Status=0xFF00,
            NumberOfRemainingSuboperations=3,
            NumberOfCompletedSuboperations=0,
        ),
        False,
    ),
    (C_ECHO_RSP, message(C_ECHO, MessageIDBeingRespondedTo=1, AffectedSOPClassUID=CT, Status=0), False),
    (C_CANCEL_RQ, message(C_CANCEL, MessageIDBeingRespondedTo=5), False),
]


@pytest.mark.parametrize(("pynetdicoms", "primitive", "has_data_set"), EXAMPLES)
def test_command_sets_are_those_of_pynetdicom(pynetdicoms: type[Any], primitive: Any, has_data_set: bool) -> None:
    expected = pynetdicoms()
    expected.primitive_to_message(primitive)
    if not has_data_set:
        expected.command_set.CommandDataSetType = 0x0101
    encoded = encode_command(primitive, has_data_set=has_data_set)
    assert encoded == encode(expected.command_set, True, True)


@pytest.mark.parametrize(("_", "primitive", "has_data_set"), EXAMPLES)
def test_what_is_encoded_is_decoded(_: Any, primitive: Any, has_data_set: bool) -> None:
    decoded, followed = decode_command(encode_command(primitive, has_data_set=has_data_set))
    assert type(decoded) is type(primitive)
    assert followed is has_data_set
    for keyword in ("MessageID", "MessageIDBeingRespondedTo", "Status", "AffectedSOPInstanceUID", "MoveDestination"):
        assert getattr(decoded, keyword, None) == getattr(primitive, keyword, None)


def test_what_does_not_belong_into_a_command_set_is_passed_over() -> None:
    answer = message(C_GET, MessageIDBeingRespondedTo=1, Status=0xC000, NumberOfFailedSuboperations=1)
    failed_sop_instance_uid_list = b"\x08\x00\x58\x00\x06\x00\x00\x001.2.3\0"
    decoded, followed = decode_command(encode_command(answer, has_data_set=False) + failed_sop_instance_uid_list)
    assert (decoded.Status, decoded.NumberOfFailedSuboperations, followed) == (0xC000, 1, False)


@given(st.binary(max_size=200))
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError):
        decode_command(garbage)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI:UserWarning")
@given(st.integers(0, 5000), st.integers(0, 255))
def test_a_changed_byte_is_decoded_or_a_value_error(position: int, byte: int) -> None:
    encoded = bytearray(encode_command(EXAMPLES[1][1], has_data_set=True))
    encoded[position % len(encoded)] = byte
    try:
        primitive, _ = decode_command(bytes(encoded))
    except (ValueError, TypeError):
        return
    assert type(primitive) in {C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL}
