/*
 * KEYS[1]  the last instant given, in µs of Redis' clock
 * ARGV[1]  how many to reserve: always 1
 * ARGV[2]  the interval between two instants, in µs: the rate of this key. (The library passes a call's own duration
 *          here; as a number it may be anything above 0.)
 *
 * Returns {1, 'ahead now'}: the instant is `ahead` µs from now. Beyond the horizon nothing is reserved: {2, ahead}, which is
 * above the limiter's one point, so that the library rejects; asking again costs nothing.
 *
 * The last instant is kept, not the next: a changed rate counts from the very next message. A missing key (a first
 * message, or Redis was flushed) starts behind all that can have been given before, which is the horizon and one
 * interval more. Nothing is ever given beyond the horizon: a last instant further ahead is of a clock that was set back, and counts
 * as if it had been given at the horizon.
 */
export const KEYED_HORIZON_US = 200_000;
const KEEP_S = 86_400;

export const keyedGcra = `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[2])
local last = tonumber(redis.call('get', KEYS[1]))
if not last then
  last = now + ${KEYED_HORIZON_US} + math.min(interval, ${KEYED_HORIZON_US}) - interval
  redis.call('set', KEYS[1], string.format('%.0f', last), 'EX', ${KEEP_S})
end
if last > now + ${KEYED_HORIZON_US} then
  last = now + ${KEYED_HORIZON_US}
  redis.call('set', KEYS[1], string.format('%.0f', last), 'EX', ${KEEP_S})
end
local at = math.max(now, last + interval)
if at - now > ${KEYED_HORIZON_US} then
  return { 2, string.format('%.0f %.0f', at - now, now) }
end
redis.call('set', KEYS[1], string.format('%.0f', at), 'EX', ${KEEP_S})
return { 1, string.format('%.0f %.0f', at - now, now) }
`;
