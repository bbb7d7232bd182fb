"""How many steps an account walks in a minute: counted on Redis for all executions and workers."""

from __future__ import annotations

from typing import cast

import structlog
from redis import Redis
from redis.exceptions import RedisError
from temporalio import activity

from engine.contracts.executions import COUNT_STEPS, StepCount
from engine.interpreter.runtime.budget import TASKS_PER_MINUTE

REDIS_SECONDS_MAX = 1.0

# KEYS: the account's steps by the second they are allowed in. ARGV: steps, how many a minute may have. The
# steps are put into the first second whose minute has room for them, behind all that were put there before;
# answers how many seconds ahead it is.
SCRIPT = """
local now, steps, most = tonumber(redis.call('TIME')[1]), tonumber(ARGV[1]), tonumber(ARGV[2])
local kept, counts, slot = redis.call('HGETALL', KEYS[1]), {}, now
for i = 1, #kept, 2 do
  local second = tonumber(kept[i])
  if second <= now - 60 then
    redis.call('HDEL', KEYS[1], kept[i])
  else
    counts[second] = tonumber(kept[i + 1])
    slot = math.max(slot, second)
  end
end
local function full()
  local sum = 0
  for second, count in pairs(counts) do
    if second > slot - 60 then sum = sum + count end
  end
  return sum > 0 and sum + math.max(steps, 1) > most
end
while full() do slot = slot + 1 end
if steps > 0 then
  redis.call('HINCRBY', KEYS[1], slot, steps)
  redis.call('EXPIRE', KEYS[1], slot - now + 61)
end
return slot - now
"""


class Turns:
    """The counts of all accounts; without Redis nobody is slowed, and each execution keeps its own bound."""

    def __init__(self, redis_url: str, *, steps_per_minute: int = TASKS_PER_MINUTE) -> None:
        timeouts = {
            "socket_timeout": REDIS_SECONDS_MAX,
            "socket_connect_timeout": REDIS_SECONDS_MAX,
        }
        redis = Redis.from_url(redis_url, **timeouts)
        self._script = redis.register_script(SCRIPT)
        self._most = steps_per_minute

    @activity.defn(name=COUNT_STEPS)
    def take(self, taken: StepCount) -> float:
        """Count steps that were walked; return the seconds to wait before the next."""
        return self.count(taken.account_id, taken.steps)

    def count(self, account_id: str, steps: int) -> float:
        """Count steps and return the seconds until the account may walk on; of no steps, just that."""
        try:
            return float(
                cast(int, self._script(keys=[f"steps:{account_id}"], args=[steps, self._most]))
            )
        except RedisError as fault:
            structlog.get_logger().warning("steps_uncounted", error=type(fault).__name__)
            return 0.0
