"""The servers of one database fetch together: the port for the others, and the way to them."""

import socket

from radgate_server.app.foundation import Foundation, join_servers, open_tls
from radgate_server.app.pacs import PacsSide
from radgate_server.core.servers.peers import NoPeers, Peers
from radgate_server.rpc.peers.client import GrpcPeers, PeerTimeouts
from radgate_server.rpc.peers.secret import PeerSecret
from radgate_server.rpc.peers.server import OwnMemory, PeerServer
from radgate_server.services.cache.revalidation import Revalidator
from radgate_server.services.imaging.streaming.open_views import OpenViews
from radgate_server.services.pacs.clients import PacsClients
from radgate_server.services.pacs.shared_fetch import SharedFetching
from radgate_server.services.retrieve.held_studies import HeldStudies
from radgate_server.services.retrieve.instance_locator import InstanceLocator
from radgate_server.services.retrieve.retrieval import RetrieveService
from radgate_server.services.servers.membership import Membership
from radgate_server.services.servers.other_servers import OtherServers


class PeerSide:
    """The membership of this server, the views that it sends, and what the others ask it by; None: nobody asks it."""

    def __init__(self, base: Foundation, membership: Membership, server: PeerServer | None, peers: Peers) -> None:
        self._base = base
        self.membership = membership
        self._server = server
        self._peers = peers
        self._others = OtherServers(membership, peers)
        self.views = OpenViews(membership.own.member_id, self._others.prioritize)

    def share(self, clients: PacsClients) -> None:
        """Have what another server holds streamed from there."""
        base = self._base
        shared = SharedFetching(self.membership, base.installation.directories.holders, self._peers, base.telemetry)
        clients.share(shared.share)

    async def serve(
        self, pacs: PacsSide, retrieve: RetrieveService, confirmer: Revalidator, places: InstanceLocator
    ) -> None:
        """Send others what this server holds and knows, and ask them where instances lie, from now on."""
        places.ask_also(self._others.locate)
        if self._server is not None:
            self._base.stack.push_async_callback(self._server.close)
            memory = OwnMemory(places.known, self.views.prioritize_here)
            held = HeldStudies(pacs.clients, retrieve, confirmer.confirm_now)
            await self._server.start(self.membership.own.member_id, held, memory)


async def open_peers(base: Foundation) -> PeerSide:
    """Bind the port for other servers, and announce this one with it.

    Raises:
        ConfigurationError: the port, or the certificate, is not usable.
        DatabaseUnavailableError: the database can't be reached.
    """
    if not base.background:
        return PeerSide(base, await join_servers(base), None, NoPeers())
    settings = base.settings.servers
    tls = open_tls(base, base.settings.grpc_tls)
    secret = PeerSecret(base.installation.secrets.peers)
    server = PeerServer(settings.peer_host, settings.peer_port, secret, tls)
    timeouts = PeerTimeouts(settings.peer_connect_timeout_s, settings.peer_idle_timeout_s)
    peers = GrpcPeers(secret, timeouts, base.settings.dimse.max_instance_bytes, tls)
    base.stack.push_async_callback(peers.close)
    address = settings.peer_address or f"{_reachable(settings.peer_host)}:{server.port}"
    return PeerSide(base, await join_servers(base, address), server, peers)


def _reachable(host: str) -> str:
    """The address that stands for the host: one that listens on all is known by its machine's name."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared with, not bound
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
