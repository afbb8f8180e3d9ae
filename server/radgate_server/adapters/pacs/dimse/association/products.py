"""Which software is at the other end, by its Implementation Class UID (PS3.7 D.3.3.2)."""

from typing import NamedTuple


class Product(NamedTuple):
    """Maker and version, in their own words as far as they are known; "" when not."""

    vendor: str
    version: str


_VENDORS = {
    # root of the Implementation Class UID: who uses it
    "1.2.276.0.7230010.3": "OFFIS DCMTK",  # and what is made with it, such as Orthanc
    "1.2.40.0.13.1": "dcm4che",
    "1.2.826.0.1.3680043.9.3811": "pynetdicom",
    "1.2.826.0.1.3680043.2.135.1066": "Conquest",
    "1.3.6.1.4.1.30071.8": "fo-dicom",
    "1.3.6.1.4.1.25403": "ClearCanvas",
    "1.2.826.0.1.3680043.2.1143": "GDCM",
    "2.16.840.1.113669": "Merge",
    "1.2.840.113619": "GE Healthcare",
    "1.3.12.2.1107": "Siemens Healthineers",
    "1.2.840.113704": "Philips",
    "1.2.392.200036.9107": "Fujifilm",
    "1.2.124.113532": "AGFA",
}


def product_of(implementation_class_uid: str, implementation_version_name: str) -> Product:
    """Name the software that says these of itself in the association's negotiation."""
    vendor = next(
        (name for root, name in _VENDORS.items() if f"{implementation_class_uid}.".startswith(f"{root}.")), ""
    )
    return Product(vendor, "".join(filter(str.isprintable, implementation_version_name)).strip())
