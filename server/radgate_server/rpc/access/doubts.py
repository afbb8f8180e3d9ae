"""Answers from studies of which it is doubtful whose they are carry a warning, whatever they are made of."""

from functools import partial
from typing import Any, Protocol

from google.protobuf.descriptor import MethodDescriptor

from radgate_server.core.dicom.identifiers import RetrieveScope
from radgate_server.core.errors import InvalidArgumentError
from radgate_server.rpc.access.studies_named import STUDIES_NAMED, NameOf
from radgate_server.rpc.access.study_admission import Admit
from radgate_server.rpc.pipeline.call import Call, Metadata
from radgate_server.rpc.pipeline.warning_header import warning_header


class DoubtedStudies(Protocol):
    """Reports what has to be said with a study's answers (services.study_doubts.StudyDoubts)."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say of any study."""
        ...

    def warning_of(self, tenant_id: str, study_instance_uid: str) -> str:
        """A sentence, "" for nothing."""
        ...


def warned(admit: Admit | None, method: MethodDescriptor, doubts: DoubtedStudies) -> Admit | None:
    """`admit`, after which the call knows where its warnings come from; they are asked for with the first byte."""
    study_of = STUDIES_NAMED.get(method.input_type.full_name)
    if admit is None or study_of is None or method.client_streaming:
        return admit

    async def admit_warned(request: Any, call: Call) -> Any:
        admitted = await admit(request, call)
        call.doubts = partial(_headers, study_of, admitted, call, doubts)
        return admitted

    return admit_warned


def _headers(study_of: NameOf, request: Any, call: Call, doubts: DoubtedStudies) -> Metadata:
    if doubts.is_empty:  # nearly always
        return ()
    try:
        asked = study_of(request, call)
    except InvalidArgumentError:  # the servicer's to say
        return ()
    study = asked.study_instance_uid if isinstance(asked, RetrieveScope) else ""
    text = doubts.warning_of(call.caller.tenant_id, study) if study else ""
    return [warning_header(text)] if text else ()
