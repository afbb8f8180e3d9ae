"""What `radgate serve` is with several server processes: it starts and watches them, and Envoy in front of them.

It imports neither gRPC nor what serves: that is in the processes.
"""

from radgate_server.supervisor.supervision import supervise

__all__ = ["supervise"]
