"""TLS of the gRPC port, with certificates that may be renewed while it is open."""

import grpc

from radgate_server.core.gateway.ports import TlsMaterial, TlsSource


def server_credentials(source: TlsSource) -> grpc.ServerCredentials:
    """Credentials that look for a renewed certificate at each handshake.

    grpc can ask every client for a certificate or none: each must show one when there are authorities for them.
    """
    first = source.current
    return grpc.dynamic_ssl_server_credentials(
        _configuration(first),
        _Renewals(source, first),  # type: ignore[arg-type]  # the stubs forget that None means no change
        require_client_authentication=bool(first.client_ca),
    )


class _Renewals:
    """Called at each handshake, in a thread of grpc's: what is new since the last one, None for nothing."""

    def __init__(self, source: TlsSource, given: TlsMaterial) -> None:
        self._source = source
        self._given = given

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        current = self._source.current
        if current == self._given:
            return None
        self._given = current
        return _configuration(current)


def _configuration(material: TlsMaterial) -> grpc.ServerCertificateConfiguration:
    pair = (material.private_key, material.certificate_chain)
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=material.client_ca or None)
