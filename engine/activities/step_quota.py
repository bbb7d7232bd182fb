"""Quota of steps in a minute for each account; Redis counts for all executions and workers."""

from __future__ import annotations

from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError
from temporalio import activity

from engine.contracts.executions import COUNT_STEPS, StepCount
from engine.interpreter.runtime.budget import TASKS_PER_MINUTE

REDIS_SECONDS_MAX = 1.0

# KEYS[1]: hash of an account's steps by the second in which they may run.
# ARGV: number of steps, maximum in a minute.
# Puts the steps into the first second with room in its minute, after all earlier ones.
# Returns the seconds until then.
SCRIPT = """
local now, steps, steps_max = tonumber(redis.call('TIME')[1]), tonumber(ARGV[1]), tonumber(ARGV[2])
local slots, counts, slot = redis.call('HGETALL', KEYS[1]), {}, now
for i = 1, #slots, 2 do
  local second = tonumber(slots[i])
  if second <= now - 60 then
    redis.call('HDEL', KEYS[1], slots[i])
  else
    counts[second] = tonumber(slots[i + 1])
    slot = math.max(slot, second)
  end
end
local function full()
  local sum = 0
  for second, count in pairs(counts) do
    if second > slot - 60 then sum = sum + count end
  end
  return sum > 0 and sum + math.max(steps, 1) > steps_max
end
while full() do slot = slot + 1 end
if steps > 0 then
  redis.call('HINCRBY', KEYS[1], slot, steps)
  redis.call('EXPIRE', KEYS[1], slot - now + 61)
end
return slot - now
"""


class StepQuota:
    """Quota of all accounts.

    Without Redis no account is slowed; each execution still has its own limit.
    """

    def __init__(self, redis_url: str, *, steps_per_minute: int = TASKS_PER_MINUTE) -> None:
        timeouts = {
            "socket_timeout": REDIS_SECONDS_MAX,
            "socket_connect_timeout": REDIS_SECONDS_MAX,
        }
        redis = Redis.from_url(redis_url, **timeouts)
        self._script = redis.register_script(SCRIPT)
        self._steps_max = steps_per_minute

    @activity.defn(name=COUNT_STEPS)
    def take(self, count: StepCount) -> float:
        """Count steps that ran; return the seconds to wait before the next one."""
        return self.count(count.account_id, count.steps)

    def count(self, account_id: str, steps: int) -> float:
        """Count steps, or none; return the seconds until the account may run its next step."""
        try:
            return float(
                cast(int, self._script(keys=[f"steps:{account_id}"], args=[steps, self._steps_max]))
            )
        except RedisError as fault:
            structlog.get_logger().warning("steps_uncounted", error=type(fault).__name__)
            return 0.0
