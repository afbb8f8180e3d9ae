"""QuarantineService: refused instances, for administrators."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api.httpbody_pb2 import HttpBody

from radgate.v1 import quarantine_service_pb2 as messages
from radgate_server.core.quarantine.refused_instance import QuarantinedInstance
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.times import to_timestamp
from radgate_server.rpc.v1.enum_words import ERROR_REASONS
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.quarantine.storing import QuarantineAdmin

CONTENT_TYPE = "application/octet-stream"
"""Never DICOM's: nothing may show it as an image."""

# ruff: noqa: N802 (rpcs keep their names)


class QuarantineServicer:
    """radgate.v1.QuarantineService."""

    def __init__(self, quarantine: QuarantineAdmin) -> None:
        self._quarantine = quarantine

    async def ListQuarantinedInstances(
        self, request: messages.ListQuarantinedInstancesRequest, call: Call
    ) -> messages.ListQuarantinedInstancesResponse:
        """List refused instances."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._quarantine.list_entries(call.caller))
        return messages.ListQuarantinedInstancesResponse(instances=map(_to_instance, found), next_page_token=following)

    async def ReadQuarantinedInstance(
        self, request: messages.ReadQuarantinedInstanceRequest, call: Call
    ) -> AsyncGenerator[HttpBody]:
        """Send the bytes of one."""
        content_type = CONTENT_TYPE
        async with aclosing(self._quarantine.read(call.caller, request.entry_id)) as pieces:
            async for piece in pieces:
                yield HttpBody(content_type=content_type, data=piece)
                content_type = ""  # the first message has it
        if content_type:
            yield HttpBody(content_type=content_type)  # nothing came of it but its label

    async def DeleteQuarantinedInstance(
        self, request: messages.DeleteQuarantinedInstanceRequest, call: Call
    ) -> messages.DeleteQuarantinedInstanceResponse:
        """Delete one."""
        await self._quarantine.remove(call.caller, request.entry_id)
        return messages.DeleteQuarantinedInstanceResponse()


def _to_instance(entry: QuarantinedInstance) -> messages.QuarantinedInstance:
    refused = entry.refused
    asked, stated = refused.asked, refused.stated
    return messages.QuarantinedInstance(
        entry_id=entry.entry_id,
        receive_time=to_timestamp(entry.receive_time),
        pacs=refused.pacs,
        reason=ERROR_REASONS.number(refused.reason),
        size_bytes=entry.size_bytes,
        asked=_identity(asked.study_instance_uid, asked.series_instance_uid, asked.sop_instance_uid),
        stated=_identity(*stated) if stated else None,
    )


def _identity(study: str, series: str | None, sop_instance: str | None) -> messages.QuarantinedIdentity:
    return messages.QuarantinedIdentity(
        study_instance_uid=study, series_instance_uid=series or "", sop_instance_uid=sop_instance or ""
    )
