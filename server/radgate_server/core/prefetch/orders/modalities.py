"""What an order's section of diagnostic service says of the modality (HL7 v2.5.1 table 0074, PS3.3 C.7.3.1.1.1)."""

from collections.abc import Mapping

_DICOM_CODES = (
    "AR BI BMD CR CT DG DX ECG EPS ES GM HD IO IVOCT IVUS KER LEN LS MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF "
    "OPV PT PX RF RG RTIMAGE SM SRF TG US VA XA XC"
)
"""Codes of DICOM, which IHE RAD-4 wants in OBR-24. Those that table 0074 has for something else count as DICOM's."""

_OF_TABLE_0074: Mapping[str, frozenset[str]] = {
    "CTH": frozenset({"XA"}),  # cardiac catheterization
    "CUS": frozenset({"US"}),  # cardiac ultrasound
    "NMR": frozenset({"MR"}),
    "NMS": frozenset({"NM"}),  # nuclear medicine scan
    "OUS": frozenset({"US"}),  # obstetric ultrasound
    "RUS": frozenset({"US"}),  # radiology ultrasound
    "RX": frozenset({"CR", "DX"}),  # radiograph
    "VUS": frozenset({"US"}),  # vascular ultrasound
    "XRC": frozenset({"RF", "XA"}),  # cineradiograph
}

_CODES_WITHOUT_IMAGES = (
    "AU BG BLB CG CH CP EC EN GE HM ICU IMM LAB MB MCB MYC NRS OSL PAR PAT PF PHR PHY RC SP SR TX URN VR"
)
"""Sections whose orders are for a laboratory, a ward or a therapist."""

_OF_DICOM, _WITHOUT_IMAGES = frozenset(_DICOM_CODES.split()), frozenset(_CODES_WITHOUT_IMAGES.split())


def modalities_of(section: str) -> frozenset[str]:
    """The modalities that images of such an order may have; none where the section leaves them open, as RAD and IMG."""
    code = section.upper()
    return frozenset({code}) if code in _OF_DICOM else _OF_TABLE_0074.get(code, frozenset())


def has_images(section: str) -> bool:
    """Whether an order of this section may be for images; one whose section is unknown may."""
    return section.upper() not in _WITHOUT_IMAGES
