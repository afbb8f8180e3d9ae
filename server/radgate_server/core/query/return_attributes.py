"""Attributes that a query answers with, and the level that an attribute belongs to (PS3.18 10.6.3.3, PS3.4 C.6.2.1).

The tables leave out Retrieve URL, which only the edge knows, and Specific Character Set: matches hold decoded text.
"""

from radgate_server.core.dicom.identifiers import QueryLevel
from radgate_server.core.query.model import Query

_STUDY = {
    "StudyDate": "00080020",
    "StudyTime": "00080030",
    "AccessionNumber": "00080050",
    "InstanceAvailability": "00080056",
    "ModalitiesInStudy": "00080061",
    "ReferringPhysicianName": "00080090",
    "TimezoneOffsetFromUTC": "00080201",
    "StudyDescription": "00081030",  # not in the standard's table, but every work list shows it
    "PatientName": "00100010",
    "PatientID": "00100020",
    "PatientBirthDate": "00100030",
    "PatientSex": "00100040",
    "StudyInstanceUID": "0020000D",
    "StudyID": "00200010",
    "NumberOfStudyRelatedSeries": "00201206",
    "NumberOfStudyRelatedInstances": "00201208",
}
_SERIES = {
    "Modality": "00080060",
    "TimezoneOffsetFromUTC": "00080201",
    "SeriesDescription": "0008103E",
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "SeriesNumber": "00200011",
    "NumberOfSeriesRelatedInstances": "00201209",
    "PerformedProcedureStepStartDate": "00400244",
    "PerformedProcedureStepStartTime": "00400245",
    "RequestAttributesSequence": "00400275",
}
_IMAGE = {
    "SOPClassUID": "00080016",
    "SOPInstanceUID": "00080018",
    "InstanceAvailability": "00080056",
    "TimezoneOffsetFromUTC": "00080201",
    "StudyInstanceUID": "0020000D",
    "SeriesInstanceUID": "0020000E",
    "InstanceNumber": "00200013",
    "NumberOfFrames": "00280008",
    "Rows": "00280010",
    "Columns": "00280011",
    "BitsAllocated": "00280100",
}

STUDY_ATTRIBUTES = tuple(_STUDY.values())
"""Returned for a study (PS3.18 table 10.6.3-3)."""

SERIES_ATTRIBUTES = tuple(_SERIES.values())
"""Returned for a series (PS3.18 table 10.6.3-4), with the UIDs of what it lies in."""

IMAGE_ATTRIBUTES = tuple(_IMAGE.values())
"""Returned for an instance (PS3.18 table 10.6.3-5), with the UIDs of what it lies in."""

LEVEL_ATTRIBUTES = {
    QueryLevel.STUDY: STUDY_ATTRIBUTES,
    QueryLevel.SERIES: SERIES_ATTRIBUTES,
    QueryLevel.IMAGE: IMAGE_ATTRIBUTES,
}

UNIQUE_KEYS = {
    QueryLevel.STUDY: "0020000D",
    QueryLevel.SERIES: "0020000E",
    QueryLevel.IMAGE: "00080018",
}
"""The one attribute that identifies an entity of the level (PS3.4 C.6.2.1), outermost level first."""

# Of the Patient, General Study and Patient Study modules, and what is counted (PS3.3 C.7.1.1, C.7.2, PS3.4 C.3.4).
_OF_STUDY = {
    "OtherPatientIDs": "00101000",
    "OtherPatientIDsSequence": "00101002",
    "OtherPatientNames": "00101001",
    "IssuerOfPatientID": "00100021",
    "PatientBirthTime": "00100032",
    "EthnicGroup": "00102160",
    "PatientComments": "00104000",
    "PatientIdentityRemoved": "00120062",
    "DeidentificationMethod": "00120063",
    "PatientAge": "00101010",
    "PatientSize": "00101020",
    "PatientWeight": "00101030",
    "Occupation": "00102180",
    "AdditionalPatientHistory": "001021B0",
    "AdmissionID": "00380010",
    "IssuerOfAccessionNumberSequence": "00080051",
    "SOPClassesInStudy": "00080062",
    "AnatomicRegionsInStudyCodeSequence": "00080063",
    "ProcedureCodeSequence": "00081032",
    "PhysiciansOfRecord": "00081048",
    "NameOfPhysiciansReadingStudy": "00081060",
    "AdmittingDiagnosesDescription": "00081080",
    "ReferencedStudySequence": "00081110",
    "RequestingService": "00321033",
    "NumberOfPatientRelatedStudies": "00201200",
    "NumberOfPatientRelatedSeries": "00201202",
    "NumberOfPatientRelatedInstances": "00201204",
}
# Of the General Series, General Equipment and Frame of Reference modules (PS3.3 C.7.3.1, C.7.5.1, C.7.4.1).
_OF_SERIES = {
    "SeriesDate": "00080021",
    "SeriesTime": "00080031",
    "Manufacturer": "00080070",
    "InstitutionName": "00080080",
    "InstitutionAddress": "00080081",
    "StationName": "00081010",
    "InstitutionalDepartmentName": "00081040",
    "PerformingPhysicianName": "00081050",
    "OperatorsName": "00081070",
    "ManufacturerModelName": "00081090",
    "SeriesDescriptionCodeSequence": "0008103F",
    "ReferencedPerformedProcedureStepSequence": "00081111",
    "BodyPartExamined": "00180015",
    "DeviceSerialNumber": "00181000",
    "SoftwareVersions": "00181020",
    "ProtocolName": "00181030",
    "PatientPosition": "00185100",
    "FrameOfReferenceUID": "00200052",
    "Laterality": "00200060",
    "PositionReferenceIndicator": "00201040",
    "PerformedProcedureStepID": "00400253",
    "PerformedProcedureStepDescription": "00400254",
}
# Of the General Image, SOP Common, Image Plane and Image Pixel modules (PS3.3 C.7.6, C.12.1).
_OF_IMAGE = {
    "ImageType": "00080008",
    "InstanceCreationDate": "00080012",
    "InstanceCreationTime": "00080013",
    "AcquisitionDate": "00080022",
    "ContentDate": "00080023",
    "AcquisitionDateTime": "0008002A",
    "AcquisitionTime": "00080032",
    "ContentTime": "00080033",
    "AvailableTransferSyntaxUID": "00083002",
    "SliceThickness": "00180050",
    "AcquisitionNumber": "00200012",
    "ImagePositionPatient": "00200032",
    "ImageOrientationPatient": "00200037",
    "ImageComments": "00204000",
    "SamplesPerPixel": "00280002",
    "PhotometricInterpretation": "00280004",
    "PixelSpacing": "00280030",
    "BitsStored": "00280101",
    "HighBit": "00280102",
    "PixelRepresentation": "00280103",
    "WindowCenter": "00281050",
    "WindowWidth": "00281051",
    "RescaleIntercept": "00281052",
    "RescaleSlope": "00281053",
    "ContentLabel": "00700080",
    "ContentDescription": "00700081",
    "ContentCreatorName": "00700084",
    "CompletionFlag": "0040A491",
    "VerificationFlag": "0040A493",
    "ConceptNameCodeSequence": "0040A043",
}

# Innermost first, so that an attribute which several levels answer with belongs to the outermost of them.
_LEVELS: dict[str, QueryLevel] = {
    tag: level
    for level, tables in (
        (QueryLevel.IMAGE, (_IMAGE, _OF_IMAGE)),
        (QueryLevel.SERIES, (_SERIES, _OF_SERIES)),
        (QueryLevel.STUDY, (_STUDY, _OF_STUDY)),
    )
    for table in tables
    for tag in table.values()
}


def level_of(tag: str) -> QueryLevel | None:
    """Return the level that a top-level attribute belongs to in the Study Root model (a patient's belong to STUDY).

    None for attributes outside of the tables; a PACS that knows them mostly has them at IMAGE level.
    """
    return _LEVELS.get(tag)


def standard_attributes(query: Query) -> tuple[str, ...]:
    """List what a query answers with unasked: its level's attributes, and those of levels above that no key pins down.

    So the series of one study come without the study's attributes, series of whichever study with them
    (PS3.18 10.6.3.3).
    """
    levels = list(QueryLevel)
    above = [level for level in levels[: levels.index(query.level)] if not query.value_of(UNIQUE_KEYS[level])]
    tags = [tag for level in (*above, query.level) for tag in LEVEL_ATTRIBUTES[level]]
    return tuple(dict.fromkeys(tags))


def attributes_down_to(lowest: QueryLevel) -> tuple[str, ...]:
    """List what is known to be of this level or one above: what a query for everything asks for where it must ask."""
    levels = list(QueryLevel)
    depth = levels.index(lowest)
    return tuple(tag for tag, level in _LEVELS.items() if levels.index(level) <= depth)
