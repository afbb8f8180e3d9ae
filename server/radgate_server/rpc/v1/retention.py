"""RetentionService: how long what is kept."""

from radgate.v1 import retention_service_pb2 as messages
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.retention import from_erase, from_kind, from_subject, to_erasure, to_hold, to_rule
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.retention.erasure import CacheEraser
from radgate_server.services.retention.rules import RetentionAdmin

# ruff: noqa: N802 (rpcs keep their names)


class RetentionServicer:
    """radgate.v1.RetentionService."""

    def __init__(self, admin: RetentionAdmin, eraser: CacheEraser) -> None:
        self._admin = admin
        self._eraser = eraser

    async def GetRetention(self, _request: messages.GetRetentionRequest, call: Call) -> messages.GetRetentionResponse:
        """Return for how long records of each kind are kept."""
        rules = map(to_rule, await self._admin.show(call.caller))
        return messages.GetRetentionResponse(rules=rules, least_days=self._admin.least_days)

    async def SetRetention(self, request: messages.SetRetentionRequest, call: Call) -> messages.SetRetentionResponse:
        """Give the tenant a rule, or take it away."""
        days = request.days if request.HasField("days") else None
        return messages.SetRetentionResponse(
            rules=map(to_rule, await self._admin.set_days(call.caller, from_kind(request.kind), days))
        )

    async def PlaceLegalHold(
        self, request: messages.PlaceLegalHoldRequest, call: Call
    ) -> messages.PlaceLegalHoldResponse:
        """Keep something from being erased."""
        hold = await self._admin.place(call.caller, from_subject(request.subject), request.value, request.reason)
        return messages.PlaceLegalHoldResponse(hold=to_hold(hold))

    async def ReleaseLegalHold(
        self, request: messages.ReleaseLegalHoldRequest, call: Call
    ) -> messages.ReleaseLegalHoldResponse:
        """End a hold."""
        hold = await self._admin.release(call.caller, request.hold_id, request.reason)
        return messages.ReleaseLegalHoldResponse(hold=to_hold(hold))

    async def ListLegalHolds(
        self, request: messages.ListLegalHoldsRequest, call: Call
    ) -> messages.ListLegalHoldsResponse:
        """List the holds."""
        page = requested_page(request, call.caller.tenant_id)
        holds, following = page.cut(await self._admin.list_holds(call.caller, released=request.include_released))
        return messages.ListLegalHoldsResponse(holds=map(to_hold, holds), next_page_token=following)

    async def EraseCachedData(
        self, request: messages.EraseCachedDataRequest, call: Call
    ) -> messages.EraseCachedDataResponse:
        """Erase what is cached of a study or patient."""
        subject, value = from_erase(request)
        erasure = await self._eraser.erase(call.caller, subject, value, request.reason)
        return messages.EraseCachedDataResponse(erasure=to_erasure(erasure))

    async def GetErasure(self, request: messages.GetErasureRequest, call: Call) -> messages.GetErasureResponse:
        """Return one erasure."""
        erasure = await self._eraser.find(call.caller, request.erasure_id)
        return messages.GetErasureResponse(erasure=to_erasure(erasure))

    async def ListErasures(self, request: messages.ListErasuresRequest, call: Call) -> messages.ListErasuresResponse:
        """List the erasures."""
        page = requested_page(request, call.caller.tenant_id)
        erasures, following = page.cut(await self._eraser.list_erasures(call.caller, page.end + 1))
        return messages.ListErasuresResponse(erasures=map(to_erasure, erasures), next_page_token=following)
