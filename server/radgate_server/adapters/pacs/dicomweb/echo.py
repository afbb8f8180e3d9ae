"""The PacsEcho role: the smallest search that there is."""

import time

from radgate_server.adapters.pacs.dicomweb.answers import ONE_STUDY, ask_page, matches_of, no_such_service
from radgate_server.adapters.pacs.http import PacsHttp
from radgate_server.adapters.pacs.http.product import product_of
from radgate_server.core.pacs.ports import EchoReport


class DicomWebEcho:
    """PacsEcho by a search for one study, over a connection of its own."""

    def __init__(self, http: PacsHttp) -> None:
        self._http = http

    async def echo(self) -> EchoReport:
        """Ask, and read the answer: a portal that wants a login answers 200 too, but not in DICOM JSON."""
        start_s = time.perf_counter()
        http = self._http.fresh()
        try:
            answer = await ask_page(http, ONE_STUDY)
            if answer.status == 404:
                raise no_such_service(http.pacs)
            await matches_of(answer)
        finally:
            await http.close()
        return EchoReport((time.perf_counter() - start_s) * 1000, " ".join(product_of(answer.headers)).strip())
