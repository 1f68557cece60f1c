import { CATCH_UP_MS, CLOSEST, GRACE_MS, HORIZON_MS, OUTSTANDING_MS } from './sliding-log.js';

/*
 * SlidingLog in Redis, one sorted set a limit, times in µs of Redis' clock:
 *
 *   member             score
 *   an instant         the latest moment that its request can have been written at
 *   pace, last         the state of that name, negative
 *   run:<id>           of the server that all of this was filed by
 *
 * Another server, or none of this (flushed, restarted from an old copy, a replica that took over): who knows what was let
 * through in the last window, so the next one begins a window from now. The same where this clock was set back, by the times that
 * are further ahead than it can have given them; only that instants of before are not void then, so it begins behind these.
 */
const KEEP_S = 86_400;
const us = (ms: number): number => ms * 1_000;

/*
 * KEYS[1]  the sorted set
 * ARGV[1]  how many to reserve
 * ARGV[2]  the lead, in ms: no instant is nearer, as its claim has to be made before it (the library's duration of a call)
 * ARGV[3]  points: the limit, in requests a window
 * ARGV[4]  duration: the window, in s
 *
 * Returns {n, 'now at at …'}: the instants, in µs. Where none is within the horizon n is above `points`, which the library
 * turns into a rejection, and the one time is when the next would be.
 */
export const reserveScript = `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local limit = tonumber(ARGV[3])
local window = ARGV[4] * 1000000
local interval = window / limit
local run = 'run:' .. string.match(redis.call('info', 'server'), 'run_id:(%x+)')
local from = now
local known = redis.call('zscore', KEYS[1], run)
if known then
  local newest = tonumber(redis.call('zrevrange', KEYS[1], 0, 0, 'withscores')[2])
  local furthest = math.max(newest, -redis.call('zscore', KEYS[1], 'pace'), -redis.call('zscore', KEYS[1], 'last'))
  if furthest > now + ${us(OUTSTANDING_MS)} + window then
    known = false
    from = now + ${us(OUTSTANDING_MS)}
  end
end
if not known then
  redis.call('del', KEYS[1])
  redis.call('zadd', KEYS[1], -1, run, -(from + window), 'pace', 0, 'last')
end
redis.call('zremrangebyscore', KEYS[1], '(0', now - window)
local pace = -redis.call('zscore', KEYS[1], 'pace')
local last = -redis.call('zscore', KEYS[1], 'last')
local answer = { string.format('%.0f', now) }
while #answer <= tonumber(ARGV[1]) do
  local at = math.max(now + ARGV[2] * 1000, pace, last + ${CLOSEST} * interval)
  local nth = tonumber(redis.call('zrevrange', KEYS[1], limit - 1, limit - 1, 'withscores')[2] or 0)
  if nth > 0 then at = math.max(at, nth + window) end
  at = math.ceil(at)
  if at - now > ${us(HORIZON_MS)} then
    if #answer == 1 then
      redis.call('expire', KEYS[1], ${KEEP_S})
      return { limit + 1, answer[1] .. string.format(' %.0f', at) }
    end
    break
  end
  local instant = string.format('%.0f', at)
  redis.call('zadd', KEYS[1], string.format('%.0f', at + ${us(GRACE_MS)}), instant)
  pace = math.max(pace, at - ${us(CATCH_UP_MS)}) + interval
  last = at
  answer[#answer + 1] = instant
end
redis.call('zadd', KEYS[1], string.format('%.3f', -pace), 'pace', string.format('%.0f', -last), 'last')
redis.call('expire', KEYS[1], ${KEEP_S})
return { #answer - 1, table.concat(answer, ' ') }
`;

/*
 * KEYS[1]  the sorted set
 * ARGV[1]  the interval, in µs
 * ARGV[2…] pairs: an instant; by when its request was written, in µs, or nothing: it was not used
 */
export const reportScript = `
local unused = 0
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    unused = unused + redis.call('zrem', KEYS[1], ARGV[i])
  else
    redis.call('zadd', KEYS[1], 'xx', ARGV[i + 1], ARGV[i])
  end
end
if unused > 0 then redis.call('zincrby', KEYS[1], unused * ARGV[1], 'pace') end
return unused
`;
