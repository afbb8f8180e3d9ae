"""How OHIF is configured: one data source, this gateway."""

import json

from radgate_server.demo.viewer.rewrite import PREFIX

_DATA_SOURCE = {
    "friendlyName": "Radgate",
    "name": "radgate",
    "qidoRoot": "/dicom-web",
    "wadoRoot": "/dicom-web",
    "wadoUriRoot": "/dicom-web/wado",
    "qidoSupportsIncludeField": True,
    "supportsReject": False,
    "supportsFuzzyMatching": False,
    "supportsWildcard": True,
    "supportsStow": False,
    "imageRendering": "wadors",
    "thumbnailRendering": "wadors",
    "enableStudyLazyLoad": True,
    "omitQuotationForMultipartRequest": True,
    "bulkDataURI": {"enabled": True},
}

# A part of OHIF's build reads Node's variable when its own <script> is not the current one any more, which happens when
# parts arrive in another order than usual: the viewer would stay blank.
_NO_FILE_NAME = 'window.__filename = "";\n'

_OCTETS = "multipart/related; type=application/octet-stream; transfer-syntax"
_HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"

_PROGRESSIVE = {
    # What can't be made HTJ2K comes as stored.
    "acceptHeader": [f"{_OCTETS}={_HTJ2K_LOSSLESS_RPCL}", f"{_OCTETS}=*"],
    # An eighth of the rows and columns is shown as soon as it has come; OHIF's own setting waits for the half.
    "stackRetrieveOptions": {"retrieveOptions": {"single": {"streaming": True, "decodeLevel": 3}}},
}


def app_config(*, htj2k: bool) -> bytes:
    """Return OHIF's app-config.js. With `htj2k` it asks for HTJ2K and shows images while they come, else as stored."""
    source = {**_DATA_SOURCE, **(_PROGRESSIVE if htj2k else {})}
    return f"{_NO_FILE_NAME}window.config = {json.dumps(_config(source), indent=2)};\n".encode()


def _config(source: dict[str, object]) -> dict[str, object]:
    return {
        "routerBasename": PREFIX,
        "extensions": [],
        "modes": [],
        "customizationService": {},
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        # Tracking asks whether to store what was measured; the demo's key only reads.
        "measurementTrackingMode": "none",
        # A browser opens six connections to a host; more requests would only wait in its queue.
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 10},
        "defaultDataSourceName": "radgate",
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": "radgate",
                "configuration": source,
            }
        ],
    }
