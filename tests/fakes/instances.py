"""Small valid DICOM files, made in memory."""

from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from radgate_server.core.dicom.identifiers import InstanceRef
from radgate_server.core.dicom.instances import MemoryContent, ReceivedInstance
from radgate_server.core.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
STUDY = "2.25.1000"

_DEFAULTS: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SOPClassUID": CT_IMAGE_STORAGE,
    "StudyDate": "20260102",
    "StudyTime": "101112",
    "AccessionNumber": "A-1",
    "Modality": "CT",
    "ReferringPhysicianName": "Referrer^Rita",
    "StudyDescription": "Thorax",
    "SeriesDescription": "Axial",
    "PatientName": "Müller^Jürgen",
    "PatientID": "P-1",
    "PatientBirthDate": "19600229",
    "PatientSex": "M",
    "StudyID": "S-1",
    "SeriesNumber": 1,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
}


def make_dataset(
    study: str,
    series: str,
    sop: str,
    *,
    rows: int = 8,
    columns: int = 8,
    frames: int = 1,
    number: int = 1,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    **attributes: Any,
) -> Dataset:
    """An instance with its file meta; `attributes` by keyword stand in for the defaults, None leaves one out.

    The pixels are 16 bit and differ with `number`, so that mixed-up instances show.
    """
    dataset = Dataset()
    identity = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": sop, "InstanceNumber": number}
    pixels = {"Rows": rows, "Columns": columns, "PixelData": number.to_bytes(2, "little") * (rows * columns * frames)}
    multi_frame = {"NumberOfFrames": frames} if frames > 1 else {}
    for keyword, value in {**_DEFAULTS, **identity, **pixels, **multi_frame, **attributes}.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(sop)
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    return dataset


def encode(dataset: Dataset) -> bytes:
    """The DICOM file (PS3.10 7) of a data set that has its file meta."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def make_instance(
    study: str,
    series: str,
    sop: str,
    *,
    rows: int = 8,
    columns: int = 8,
    frames: int = 1,
    number: int = 1,
    transfer_syntax_uid: str = EXPLICIT_VR_LITTLE_ENDIAN,
    **attributes: Any,
) -> bytes:
    """The DICOM file of `make_dataset`."""
    return encode(
        make_dataset(
            study,
            series,
            sop,
            rows=rows,
            columns=columns,
            frames=frames,
            number=number,
            transfer_syntax_uid=transfer_syntax_uid,
            **attributes,
        )
    )


def make_study(n: int, *, study: str = STUDY, series: int = 1, **options: Any) -> list[bytes]:
    """`n` instances in each of `series` series: series "{study}.1", instances "{study}.1.1", and so on."""
    return [
        make_instance(study, f"{study}.{s}", f"{study}.{s}.{number}", number=number, **{"SeriesNumber": s, **options})
        for s in range(1, series + 1)
        for number in range(1, n + 1)
    ]


def received(dataset: Dataset) -> ReceivedInstance:
    """The data set as a PACS would have delivered it."""
    return ReceivedInstance(
        InstanceRef(dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID),
        dataset.SOPClassUID,
        dataset.file_meta.TransferSyntaxUID,
        MemoryContent((encode(dataset),)),
    )
