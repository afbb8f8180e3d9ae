"""A whole cluster on this machine: the engines, two machines of two processes each, workers, and one Envoy in front."""
