import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MatchKey(_message.Message):
    __slots__ = ("attribute", "value")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    value: str
    def __init__(self, attribute: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class PersonName(_message.Message):
    __slots__ = ("alphabetic", "ideographic", "phonetic")
    ALPHABETIC_FIELD_NUMBER: _ClassVar[int]
    IDEOGRAPHIC_FIELD_NUMBER: _ClassVar[int]
    PHONETIC_FIELD_NUMBER: _ClassVar[int]
    alphabetic: str
    ideographic: str
    phonetic: str
    def __init__(self, alphabetic: _Optional[str] = ..., ideographic: _Optional[str] = ..., phonetic: _Optional[str] = ...) -> None: ...

class Study(_message.Message):
    __slots__ = ("study_instance_uid", "patient_name", "patient_id", "patient_birth_date", "patient_sex", "study_date", "study_time", "accession_number", "study_description", "study_id", "referring_physician_name", "modalities_in_study", "number_of_study_related_series", "number_of_study_related_instances", "dicom_json", "pacs")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    PATIENT_ID_FIELD_NUMBER: _ClassVar[int]
    PATIENT_BIRTH_DATE_FIELD_NUMBER: _ClassVar[int]
    PATIENT_SEX_FIELD_NUMBER: _ClassVar[int]
    STUDY_DATE_FIELD_NUMBER: _ClassVar[int]
    STUDY_TIME_FIELD_NUMBER: _ClassVar[int]
    ACCESSION_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STUDY_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    REFERRING_PHYSICIAN_NAME_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_IN_STUDY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_OF_STUDY_RELATED_SERIES_FIELD_NUMBER: _ClassVar[int]
    NUMBER_OF_STUDY_RELATED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    DICOM_JSON_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    patient_name: PersonName
    patient_id: str
    patient_birth_date: str
    patient_sex: str
    study_date: str
    study_time: str
    accession_number: str
    study_description: str
    study_id: str
    referring_physician_name: PersonName
    modalities_in_study: _containers.RepeatedScalarFieldContainer[str]
    number_of_study_related_series: int
    number_of_study_related_instances: int
    dicom_json: str
    pacs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, study_instance_uid: _Optional[str] = ..., patient_name: _Optional[_Union[PersonName, _Mapping]] = ..., patient_id: _Optional[str] = ..., patient_birth_date: _Optional[str] = ..., patient_sex: _Optional[str] = ..., study_date: _Optional[str] = ..., study_time: _Optional[str] = ..., accession_number: _Optional[str] = ..., study_description: _Optional[str] = ..., study_id: _Optional[str] = ..., referring_physician_name: _Optional[_Union[PersonName, _Mapping]] = ..., modalities_in_study: _Optional[_Iterable[str]] = ..., number_of_study_related_series: _Optional[int] = ..., number_of_study_related_instances: _Optional[int] = ..., dicom_json: _Optional[str] = ..., pacs: _Optional[_Iterable[str]] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "modality", "series_number", "series_description", "number_of_series_related_instances", "dicom_json", "pacs")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    MODALITY_FIELD_NUMBER: _ClassVar[int]
    SERIES_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SERIES_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NUMBER_OF_SERIES_RELATED_INSTANCES_FIELD_NUMBER: _ClassVar[int]
    DICOM_JSON_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    modality: str
    series_number: int
    series_description: str
    number_of_series_related_instances: int
    dicom_json: str
    pacs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., modality: _Optional[str] = ..., series_number: _Optional[int] = ..., series_description: _Optional[str] = ..., number_of_series_related_instances: _Optional[int] = ..., dicom_json: _Optional[str] = ..., pacs: _Optional[_Iterable[str]] = ...) -> None: ...

class Instance(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "sop_class_uid", "instance_number", "rows", "columns", "number_of_frames", "dicom_json", "pacs")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_OF_FRAMES_FIELD_NUMBER: _ClassVar[int]
    DICOM_JSON_FIELD_NUMBER: _ClassVar[int]
    PACS_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    instance_number: int
    rows: int
    columns: int
    number_of_frames: int
    dicom_json: str
    pacs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., sop_class_uid: _Optional[str] = ..., instance_number: _Optional[int] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., number_of_frames: _Optional[int] = ..., dicom_json: _Optional[str] = ..., pacs: _Optional[_Iterable[str]] = ...) -> None: ...

class InstanceRef(_message.Message):
    __slots__ = ("study_instance_uid", "series_instance_uid", "sop_instance_uid")
    STUDY_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SERIES_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    def __init__(self, study_instance_uid: _Optional[str] = ..., series_instance_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ...) -> None: ...

class EdgeUrl(_message.Message):
    __slots__ = ("url", "expire_time")
    URL_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    url: str
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, url: _Optional[str] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
