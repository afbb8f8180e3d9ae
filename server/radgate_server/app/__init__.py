"""The composition root: the only place that knows which adapter stands behind which port of a running server."""

from radgate_server.app.building import App, Overrides, build_app, serve, work

__all__ = ["App", "Overrides", "build_app", "serve", "work"]
