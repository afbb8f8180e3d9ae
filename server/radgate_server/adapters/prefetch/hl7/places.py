"""Where messages have what is read of them (HL7 v2.5.1 chapters 4, 7 and 10; IHE RAD TF-2 4.4, RAD-4).

Of several places the first counts that has something.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from radgate_server.adapters.prefetch.hl7.messages import Place


class Purpose(Enum):
    """What a message is about."""

    ORDERS = "orders"
    """Groups that begin with ORC or OBR, each an order."""
    APPOINTMENT = "appointment"
    WITHDRAWAL = "withdrawal"


PURPOSES: Mapping[str, Purpose] = {
    # MSH-9. All others are acknowledged and ignored.
    "ORM": Purpose.ORDERS,
    "ORM^O01": Purpose.ORDERS,
    "OMG^O19": Purpose.ORDERS,  # general clinical order, in IHE RAD-2 and RAD-3 as of v2.5.1
    "OMI^O23": Purpose.ORDERS,  # imaging order, in IHE RAD-4 as of v2.5.1
    "SIU^S12": Purpose.APPOINTMENT,  # new appointment
    "SIU^S13": Purpose.APPOINTMENT,  # rescheduled
    "SIU^S14": Purpose.APPOINTMENT,  # modified
    "SIU^S15": Purpose.WITHDRAWAL,  # cancelled
    "SIU^S16": Purpose.WITHDRAWAL,  # discontinued
    "SIU^S17": Purpose.WITHDRAWAL,  # deleted
    "SIU^S26": Purpose.WITHDRAWAL,  # the patient did not come
}

ANNOUNCING_CONTROLS = frozenset(("", "NW", "XO", "XX", "XR", "RO", "RU", "SN", "NA", "CH", "PA", "RL", "SC", "OK"))
"""ORC-1 (table 0119) of an order that is new, changed, replaced, released or scheduled; all others set nothing off."""
ENDED_STATES = frozenset(("CA", "CM", "DC", "ER", "HD", "RP"))
"""ORC-5 (table 0038) of an order that is cancelled, completed, discontinued, in error, on hold or replaced."""

CONTROL, STATE = Place("ORC", 1), Place("ORC", 5)
SECTION = Place("OBR", 24)


class Places(NamedTuple):
    """Where a kind of message has what. `numbers` are of the order or appointment, by whoever placed it first."""

    numbers: tuple[Place, ...]
    accession: tuple[Place, ...]
    modality: tuple[Place, ...]
    description: tuple[Place, ...]
    scheduled: tuple[Place, ...]
    study: tuple[Place, ...]


OF_PURPOSE: Mapping[Purpose, Places] = {
    Purpose.ORDERS: Places(
        numbers=(Place("ORC", 2), Place("ORC", 3), Place("OBR", 2), Place("OBR", 3)),
        accession=(Place("IPC", 1), Place("OBR", 18)),
        modality=(Place("IPC", 5), SECTION),
        description=(Place("OBR", 4, 2), Place("OBR", 44, 2), Place("OBR", 4, 5)),
        scheduled=(
            Place("TQ1", 7),
            Place("OBR", 36),
            Place("OBR", 27, 4),  # before v2.5
            Place("ORC", 7, 4),  # before v2.5
        ),
        study=(Place("ZDS", 1), Place("IPC", 3)),
    ),
    Purpose.APPOINTMENT: Places(
        numbers=(Place("SCH", 26), Place("SCH", 27), Place("SCH", 1), Place("SCH", 2)),
        accession=(),
        modality=(),
        description=(Place("AIS", 3, 2), Place("AIS", 3, 5), Place("SCH", 8, 2)),
        scheduled=(Place("AIS", 4), Place("TQ1", 7), Place("SCH", 11, 4)),
        study=(Place("ZDS", 1),),
    ),
}
