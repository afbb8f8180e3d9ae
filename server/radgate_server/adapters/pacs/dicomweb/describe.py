"""The PacsDescriber role: cheap questions, each of which shows whether a service answers."""

from radgate_server.adapters.pacs.dicomweb.answers import ONE_STUDY, ask_page, matches_of, no_such_service
from radgate_server.adapters.pacs.dicomweb.wado import MISSING, Wado
from radgate_server.adapters.pacs.http import HttpAnswer, PacsHttp
from radgate_server.adapters.pacs.http.product import product_of
from radgate_server.core.dicom.data_sets import DicomJson, first_value
from radgate_server.core.dicom.identifiers import InstanceRef, QueryLevel, RetrieveScope, is_uid
from radgate_server.core.errors import PacsError
from radgate_server.core.pacs.capabilities import Capabilities
from radgate_server.core.query.return_attributes import UNIQUE_KEYS

_SEARCHES = {QueryLevel.SERIES: "/series?limit=1", QueryLevel.IMAGE: "/instances?limit=1"}
_NO_STOW = frozenset({404, 405, 501})
_NO_PARTS = b"--none--\r\n"
_UTF_8 = "ISO_IR 192"


class DicomWebDescriber:
    """PacsDescriber. Nothing is read to its end, and nothing is stored."""

    def __init__(self, http: PacsHttp, wado_uri_url: str) -> None:
        self._http = http
        self._wado = Wado(http, wado_uri_url)
        self._has_uri = bool(wado_uri_url)

    async def describe(self) -> Capabilities:
        """Search at each level, begin to retrieve one instance, store nothing.

        Raises:
            PacsError: the server does not even search for studies.
        """
        studies = await ask_page(self._http, ONE_STUDY)
        if studies.status == 404:
            raise no_such_service(self._http.pacs)
        await matches_of(studies)
        levels, ref = await self._levels()
        can_store = await self._takes_instances()
        retrieves = await self._retrieves(ref) if ref else ()
        vendor, version = product_of(studies.headers)
        return Capabilities(
            vendor=vendor,
            version=version,
            query_levels=levels,
            services=("QIDO-RS", *retrieves, *(("STOW-RS",) if can_store else ())),
            charset=_UTF_8,  # JSON is never anything else
            can_store=can_store,
        )

    async def _levels(self) -> tuple[tuple[QueryLevel, ...], InstanceRef | None]:
        """The levels at which it searches everything, and an instance that it has."""
        levels, ref = [QueryLevel.STUDY], None
        for level, search in _SEARCHES.items():
            try:
                answer = await ask_page(self._http, search)
                matches = await matches_of(answer)
            except PacsError:
                continue
            if answer.status != 404:
                levels.append(level)
            if level is QueryLevel.IMAGE and matches:
                ref = _ref_of(matches[0])
        return tuple(levels), ref

    async def _retrieves(self, ref: InstanceRef) -> tuple[str, ...]:
        scope = RetrieveScope(ref.study_instance_uid, ref.series_instance_uid, ref.sop_instance_uid)
        routes = {"WADO-RS": self._wado.open_scope(scope)}
        if self._has_uri:
            routes["WADO-URI"] = self._wado.open_uri(ref)
        services = []
        for name, opened in routes.items():
            try:
                async with opened as stream:
                    if stream.status not in MISSING:
                        services.append(name)
            except PacsError:
                continue
        return tuple(services)

    async def _takes_instances(self) -> bool:
        """Whether STOW-RS finds fault with a body that holds no instance, instead of not being there."""
        headers = {"content-type": 'multipart/related; type="application/dicom"; boundary=none'}
        try:
            answer: HttpAnswer = await self._http.ask(
                "POST", "/studies", headers=headers, body=_NO_PARTS, judged=frozenset(range(400, 600)) - {401, 403}
            )
        except PacsError:
            return False
        return answer.status not in _NO_STOW


def _ref_of(match: DicomJson) -> InstanceRef | None:
    study, series, instance = (first_value(match, tag) for tag in UNIQUE_KEYS.values())
    return InstanceRef(study, series, instance) if all(map(is_uid, (study, series, instance))) else None
