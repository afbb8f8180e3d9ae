"""What servers share in Redis."""

from radgate_server.adapters.limits.redis.meters import RedisMeters, open_redis_meters

__all__ = ["RedisMeters", "open_redis_meters"]
