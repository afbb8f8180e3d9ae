"""AdminService: tenants, keys, PACS, caches."""

from datetime import timedelta

from radgate.v1 import admin_service_pb2 as messages
from radgate_server.core.dicom.identifiers import parse_slug
from radgate_server.rpc.pipeline.call import Call
from radgate_server.rpc.v1.convert.admin import (
    from_expire_time,
    from_role,
    from_update_tenant,
    to_api_key,
    to_cache_stats,
    to_tenant,
)
from radgate_server.rpc.v1.convert.detection import from_detect_request, to_detect_response
from radgate_server.rpc.v1.convert.limits import from_limits, to_limits, to_state
from radgate_server.rpc.v1.convert.pacs import change_setup, from_pacs, to_pacs
from radgate_server.rpc.v1.convert.pacs_reports import to_report, to_transition
from radgate_server.rpc.v1.convert.restriction import from_restriction
from radgate_server.rpc.v1.convert.times import from_duration
from radgate_server.rpc.v1.streams.page_token import requested_page
from radgate_server.services.administration.cache_selection import CacheSelection
from radgate_server.services.administration.tenants import AdminService

# ruff: noqa: N802 (rpcs keep their names)


class AdminServicer:
    """radgate.v1.AdminService."""

    def __init__(self, admin: AdminService) -> None:
        self._admin = admin
        self._pacs = admin.pacs

    async def CreateTenant(self, request: messages.CreateTenantRequest, call: Call) -> messages.CreateTenantResponse:
        """Create a tenant."""
        tenant = await self._admin.create_tenant(call.caller, parse_slug(request.tenant_id, "tenant_id"))
        return messages.CreateTenantResponse(tenant=to_tenant(tenant))

    async def ListTenants(self, request: messages.ListTenantsRequest, call: Call) -> messages.ListTenantsResponse:
        """List the tenants that the caller may use."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._admin.list_tenants(call.caller))
        return messages.ListTenantsResponse(tenants=map(to_tenant, found), next_page_token=following)

    async def UpdateTenant(self, request: messages.UpdateTenantRequest, call: Call) -> messages.UpdateTenantResponse:
        """Change how a tenant is set up."""
        tenant = await self._admin.update_tenant(
            call.caller, request.tenant.tenant_id, hide_rejected=from_update_tenant(request)
        )
        return messages.UpdateTenantResponse(tenant=to_tenant(tenant))

    async def DeleteTenant(self, request: messages.DeleteTenantRequest, call: Call) -> messages.DeleteTenantResponse:
        """Delete a tenant."""
        await self._admin.delete_tenant(call.caller, parse_slug(request.tenant_id, "tenant_id"))
        return messages.DeleteTenantResponse()

    async def CreateApiKey(self, request: messages.CreateApiKeyRequest, call: Call) -> messages.CreateApiKeyResponse:
        """Create an API key of the tenant."""
        key, token = await self._admin.create_key(
            call.caller,
            from_role(request.role),
            request.label,
            expire_time=from_expire_time(request),
            restriction=from_restriction(request),
        )
        return messages.CreateApiKeyResponse(api_key=to_api_key(key), token=token)

    async def ListApiKeys(self, request: messages.ListApiKeysRequest, call: Call) -> messages.ListApiKeysResponse:
        """List the tenant's API keys."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._admin.list_keys(call.caller))
        return messages.ListApiKeysResponse(api_keys=map(to_api_key, found), next_page_token=following)

    async def RevokeApiKey(self, request: messages.RevokeApiKeyRequest, call: Call) -> messages.RevokeApiKeyResponse:
        """Revoke an API key."""
        return messages.RevokeApiKeyResponse(
            api_key=to_api_key(await self._admin.revoke_key(call.caller, request.key_id))
        )

    async def RotateApiKey(self, request: messages.RotateApiKeyRequest, call: Call) -> messages.RotateApiKeyResponse:
        """Make a new API key with the rights of an old one."""
        overlap = timedelta(seconds=from_duration(request.overlap))
        key, token = await self._admin.rotate_key(call.caller, request.key_id, overlap)
        return messages.RotateApiKeyResponse(api_key=to_api_key(key), token=token)

    async def GetLimits(self, _request: messages.GetLimitsRequest, call: Call) -> messages.GetLimitsResponse:
        """Return what the tenant and its keys may use."""
        tenant, *keys = map(to_state, await self._admin.limits.list_states(call.caller))
        defaults = to_limits(self._admin.limits.key_defaults)
        return messages.GetLimitsResponse(tenant=tenant, keys=keys, key_defaults=defaults)

    async def UpdateLimits(self, request: messages.UpdateLimitsRequest, call: Call) -> messages.UpdateLimitsResponse:
        """Change what a key may use, or the tenant."""
        change = from_limits(request.limits, request.update_mask.paths)
        state = await self._admin.limits.update(call.caller, request.limits.key_id, change)
        return messages.UpdateLimitsResponse(state=to_state(state))

    async def CreatePacs(self, request: messages.CreatePacsRequest, call: Call) -> messages.CreatePacsResponse:
        """Add a PACS to the tenant."""
        name = parse_slug(request.pacs.name, "pacs.name")
        overview = await self._pacs.create(
            call.caller, name, from_pacs(request.pacs), skip_validation=request.skip_validation
        )
        return messages.CreatePacsResponse(pacs=to_pacs(overview))

    async def GetPacs(self, request: messages.GetPacsRequest, call: Call) -> messages.GetPacsResponse:
        """Return one PACS."""
        return messages.GetPacsResponse(pacs=to_pacs(await self._pacs.get(call.caller, request.name)))

    async def ListPacs(self, request: messages.ListPacsRequest, call: Call) -> messages.ListPacsResponse:
        """List the tenant's PACS."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._pacs.list_all(call.caller))
        return messages.ListPacsResponse(pacs=map(to_pacs, found), next_page_token=following)

    async def UpdatePacs(self, request: messages.UpdatePacsRequest, call: Call) -> messages.UpdatePacsResponse:
        """Change how a PACS is set up."""
        overview = await self._pacs.update(
            call.caller,
            request.pacs.name,
            lambda setup: change_setup(setup, request.pacs, request.update_mask.paths),
            skip_validation=request.skip_validation,
        )
        return messages.UpdatePacsResponse(pacs=to_pacs(overview))

    async def DeletePacs(self, request: messages.DeletePacsRequest, call: Call) -> messages.DeletePacsResponse:
        """Remove a PACS."""
        await self._pacs.delete(call.caller, request.name)
        return messages.DeletePacsResponse()

    async def TestPacs(self, request: messages.TestPacsRequest, call: Call) -> messages.TestPacsResponse:
        """Ask a PACS for a sign of life."""
        report = await self._pacs.test(call.caller, request.name)
        return messages.TestPacsResponse(latency_ms=report.latency_ms, detail=report.detail)

    async def ValidatePacs(self, request: messages.ValidatePacsRequest, call: Call) -> messages.ValidatePacsResponse:
        """Find out whether a PACS is fit for use."""
        return messages.ValidatePacsResponse(report=to_report(await self._pacs.validate(call.caller, request.name)))

    async def DetectPacs(self, request: messages.DetectPacsRequest, call: Call) -> messages.DetectPacsResponse:
        """Find out what a host speaks."""
        return to_detect_response(await self._pacs.detect(call.caller, from_detect_request(request)))

    async def FailoverPacs(self, request: messages.FailoverPacsRequest, call: Call) -> messages.FailoverPacsResponse:
        """Send the work of a primary to a backup."""
        transition = await self._pacs.fail_over(call.caller, request.name, request.target_pacs)
        return messages.FailoverPacsResponse(transition=to_transition(transition))

    async def FailbackPacs(self, request: messages.FailbackPacsRequest, call: Call) -> messages.FailbackPacsResponse:
        """Give the work back to a primary."""
        transition = await self._pacs.fail_back(call.caller, request.name)
        return messages.FailbackPacsResponse(transition=to_transition(transition))

    async def ListPacsTransitions(
        self, request: messages.ListPacsTransitionsRequest, call: Call
    ) -> messages.ListPacsTransitionsResponse:
        """List when and why the work went from one PACS to another."""
        page = requested_page(request, call.caller.tenant_id)
        found, following = page.cut(await self._pacs.list_transitions(call.caller, request.name, page.end + 1))
        return messages.ListPacsTransitionsResponse(transitions=map(to_transition, found), next_page_token=following)

    async def GetCacheStats(self, request: messages.GetCacheStatsRequest, call: Call) -> messages.GetCacheStatsResponse:
        """Return what the caches hold for the tenant or for all, and what they saved."""
        return to_cache_stats(await self._admin.reports.report(call.caller, request.days))

    async def InvalidateCache(
        self, request: messages.InvalidateCacheRequest, call: Call
    ) -> messages.InvalidateCacheResponse:
        """Throw away what is cached for the tenant and chosen, or count it."""
        older_than = timedelta(seconds=from_duration(request.older_than)) if request.HasField("older_than") else None
        chosen = CacheSelection(
            request.study_instance_uid,
            request.series_instance_uid,
            request.sop_instance_uid,
            request.pacs,
            older_than,
        )
        removed = await self._admin.invalidate_cache(call.caller, chosen, dry_run=request.dry_run)
        return messages.InvalidateCacheResponse(instances_removed=removed)
