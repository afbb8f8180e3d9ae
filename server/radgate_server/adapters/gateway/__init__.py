"""Envoy in front of the server: its configuration made from gateway/envoy.yaml, its process started and watched."""

from radgate_server.adapters.gateway.envoy import EnvoyProcess

__all__ = ["EnvoyProcess"]
