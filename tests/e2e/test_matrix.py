"""Every route and rpc through the real gateway, with every caller, and with names of things it may not know of."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx
import pytest

from radgate_server.core.access.tenancy import ANY_TENANT, Caller, Principal, Role
from radgate_server.core.pacs.connections import FolderConnection
from radgate_server.core.pacs.setup import PacsSetup
from radgate_server.rpc.access.authorization import METHODS, Access, Reach, TenantNeed
from radgate_server.rpc.server.http_rules import http_routes
from radgate_server.services.administration.tenants import AdminService
from tests.e2e.radgate_process import RadgateProcess
from tests.fakes.instances import make_study
from tests.rpc.callers import bearer
from tests.rpc.calls import RPCS
from tests.rpc.matrix import MINE, NEVER_STUDY, Matrix, Visitor, walk
from tests.rpc.named_requests import Ids
from tests.rpc.rig import EAST_STUDY, WEST_STUDY

OUTSIDE_STUDY = "2.25.3000"
HTTP_STATUS = {
    "UNAUTHENTICATED": 401,
    "TENANT_NOT_ALLOWED": 403,
    "ROLE_NOT_ALLOWED": 403,
    "RESTRICTED_CREDENTIAL": 403,
    "INVALID_ARGUMENT": 400,
}
OF_THE_WAY = {"date", "server", "x-envoy-upstream-service-time", "x-request-id"}
DICOMWEB = "radgate.dicomweb.v1.DicomWebService/"
MINIMUM = {"http": 2000, "grpc": 1500}


class Route(NamedTuple):
    """One way to an rpc over HTTP; `path` has names of fields in braces."""

    rpc: str
    method: str
    path: str

    @property
    def acting_tenant_in_path(self) -> bool:
        """Whether the path names the tenant to act for; it has to be the one of the header then."""
        return "{tenant_id}" in self.path and METHODS[self.rpc].tenant is not TenantNeed.EVERY_TENANT


def routes() -> Iterator[Route]:
    """All that the protos report the gateway."""
    services = {rpc.containing_service.full_name: rpc.containing_service for rpc in RPCS.values()}
    for service in services.values():
        for route in http_routes(service):
            yield Route(f"{service.full_name}/{route.rpc}", route.method, route.path)


def url_of(route: Route, tenant: str, ids: Ids) -> str:
    """The path with these names in it."""
    names = {
        "study": ids.study,
        "series": f"{ids.study}.1",
        "instance": f"{ids.study}.1.1",
        "frames": "1",
        "path=**": "7FE00010",
        "name": ids.pacs,
        "pacs.name": ids.pacs,
        "key_id": ids.key,
        "job_id": ids.job,
        "entry_id": ids.entry,
        **({"tenant_id": tenant} if route.acting_tenant_in_path else {}),
    }
    path = re.sub(r"\{([^}]+)\}", lambda field: names.get(field[1], ids.pacs), route.path)
    if route.rpc.endswith("RetrieveWadoUri"):
        path += f"?requestType=WADO&studyUID={ids.study}&seriesUID={ids.study}.1&objectUID={ids.study}.1.1"
    if route.rpc.startswith(DICOMWEB + "Search") and "{study}" not in route.path:
        path += f"?StudyInstanceUID={ids.study}"
    return path


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadgateProcess]:
    """Two tenants with an archive each; wrong credentials do not add up."""
    archives = {
        "east": [*make_study(2, study=EAST_STUDY), *make_study(2, study=OUTSIDE_STUDY, PatientID="P-2")],
        "west": make_study(1, study=WEST_STUDY),
    }
    server = RadgateProcess(tmp_path_factory.mktemp("radgate"), {"RADGATE_AUTH__MAX_FAILURES": "1000000"})
    for tenant_id, files in archives.items():
        folder: Path = tmp_path_factory.mktemp(tenant_id)
        for number, file in enumerate(files):
            (folder / f"{number}.dcm").write_bytes(file)
        server.tenant(tenant_id, FolderConnection(str(folder)))
    with server:
        yield server


@pytest.fixture(scope="module")
def callers(hospital: RadgateProcess) -> Sequence[Visitor]:
    """Each role of tenant east, one for every tenant, one for one patient's studies, and two whom nobody knows."""
    east, every = frozenset({"east"}), frozenset({"east", "west"})

    async def key(admin: AdminService, tenant_id: str, role: Role, *, restricted: bool = False) -> Mapping[str, str]:
        caller = Caller(Principal("e2e", (ANY_TENANT,), Role.ADMIN), "", "local", "e2e", "e2e")
        made = await admin.create_key(caller, role, "e2e", (tenant_id,), restriction=MINE if restricted else None)
        return bearer(made[1])

    async def make(admin: AdminService) -> Sequence[Visitor]:
        roles = [
            Visitor(f"{role.name.lower()} of east", await key(admin, "east", role), role, east, "east") for role in Role
        ]
        mine = await key(admin, "east", Role.VIEWER, restricted=True)
        return [
            *roles,
            Visitor("admin of all", await key(admin, ANY_TENANT, Role.ADMIN), Role.ADMIN, every),
            Visitor("restricted key", mine, Role.VIEWER, east, "east", restricted=True),
            Visitor("nobody", {}),
            Visitor("bad key", bearer(f"rg_0123456789ab_{'x' * 43}")),
        ]

    return hospital.administer(make)


@pytest.fixture(scope="module")
def of_west(hospital: RadgateProcess) -> Ids:
    """Things of tenant west."""

    async def make(admin: AdminService) -> None:
        caller = Caller(Principal("e2e", (ANY_TENANT,), Role.ADMIN), "west", "local", "e2e", "e2e")
        connection = FolderConnection(str(hospital.folder))
        await admin.pacs.create(caller, "faraway", PacsSetup(connection), skip_validation=True)

    hospital.administer(make)
    return Ids(WEST_STUDY, hospital.keys["west"].split("_")[1], "faraway", "1" * 32, "e" * 32)


class Browser:
    """Asks over HTTP, and counts."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self.count = 0

    def ask(
        self, route: Route, visitor: Visitor, tenant: str, ids: Ids
    ) -> tuple[int, tuple[tuple[str, str], ...], str]:
        """Status, headers and body, the names of things replaced."""
        self.count += 1
        headers = {**visitor.headers, **({"x-tenant-id": tenant} if tenant else {})}
        body = None if route.method in ("GET", "DELETE") else b"{}"
        kind = {"content-type": "application/json"} if body else {}
        answer = self._client.request(
            route.method, url_of(route, tenant, ids), headers={**headers, **kind}, content=body
        )
        kept = sorted((name, value) for name, value in answer.headers.items() if name not in OF_THE_WAY)
        plain = answer.content.decode("latin-1")
        for name in filter(None, ids):
            plain = plain.replace(name, "#" * len(name))
        return answer.status_code, tuple(kept), plain


def test_every_route_with_every_caller_tenant_and_name(
    hospital: RadgateProcess, callers: Sequence[Visitor], of_west: Ids
) -> None:
    never = Ids(NEVER_STUDY, "0" * 12, "nowhere", "0" * 32, "f" * 32)
    ways = [route for route in routes() if not METHODS[route.rpc].is_public]
    with httpx.Client(base_url=hospital.url, timeout=30, trust_env=False) as client:
        browser = Browser(client)
        for route in ways:
            access = METHODS[route.rpc]
            for visitor in callers:
                for tenant in visitor.tenants_tried:
                    if route.acting_tenant_in_path and not tenant:
                        continue
                    if reason := visitor.refusal(access, tenant):
                        names = (of_west, never) if tenant in ("", "west") else (never,)
                        answers = {browser.ask(route, visitor, tenant, ids) for ids in names}
                        assert len(answers) == 1, (route, visitor, tenant, answers)
                        assert HTTP_STATUS[reason] == next(iter(answers))[0], (route, visitor, tenant, answers)
                if not visitor.refusal(access, "east") and access.reach in (Reach.STUDY, Reach.SEARCH):
                    look(browser, route, visitor, access, [of_west, never])
    print(f"\n{browser.count} combinations of {len(ways)} routes, {len(callers)} callers, tenants and names")
    assert browser.count >= MINIMUM["http"]


def look(browser: Browser, route: Route, visitor: Visitor, access: Access, names: Sequence[Ids]) -> None:
    """What it may not see is answered as what was never there; what it may see is shown."""
    of_west, never = names
    outside, mine = never._replace(study=OUTSIDE_STUDY), never._replace(study=EAST_STUDY)
    expected = browser.ask(route, visitor, "east", never)
    assert browser.ask(route, visitor, "east", of_west) == expected, (route, visitor)
    seen = browser.ask(route, visitor, "east", outside)
    assert (seen == expected) is visitor.restricted, (route, visitor, seen, expected)
    assert browser.ask(route, visitor, "east", outside) == seen
    status, _, body = browser.ask(route, visitor, "east", mine)
    assert (status, body != expected[2]) == (200, True), (route, visitor, status)
    assert expected[0] == (404 if access.reach is Reach.STUDY else 200), (route, visitor, expected)


async def test_every_rpc_through_the_gateway(
    hospital: RadgateProcess, callers: Sequence[Visitor], of_west: Ids
) -> None:
    methods = {
        name: access
        for name, access in METHODS.items()
        if not access.is_public and not name.startswith(DICOMWEB)  # these are reached by the routes above
    }
    async with grpc.aio.insecure_channel(hospital.endpoints["http"]) as channel:
        matrix = Matrix(channel)
        await walk(matrix, callers, methods, OUTSIDE_STUDY, of_west)
    print(f"\n{matrix.count} combinations of {len(methods)} rpcs, {len(callers)} callers, tenants and names")
    assert matrix.count >= MINIMUM["grpc"]
