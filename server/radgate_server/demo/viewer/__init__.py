"""The demo's viewer: OHIF, installed from npm and served below /viewer/ on the loopback address."""

from radgate_server.demo.viewer.install import find_or_install_ohif
from radgate_server.demo.viewer.server import serve_viewer

__all__ = ["find_or_install_ohif", "serve_viewer"]
