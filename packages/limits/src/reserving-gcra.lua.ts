/*
 * KEYS[1]  theoretical arrival time (tat) of the next message, in µs of Redis' clock
 * ARGV[1]  how many to reserve
 * ARGV[2]  the lead, in ms: no instant is nearer, as its claim has to be made before it (the library's duration of a call)
 * ARGV[3]  points  } the rate is points / duration, in messages a second
 * ARGV[4]  duration}
 *
 * Returns {reserved, ahead}: the first instant is `ahead` µs from now, each next one an interval later. Always moves
 * tat on and tells the caller how long to wait: unlike a refusal this wastes nothing. Only beyond HORIZON is nothing
 * reserved: then `reserved` is above `points`, which the library turns into a rejection.
 *
 * A missing key (Redis was flushed or restarted empty) starts a second from now: who knows what was let through in the
 * last one.
 */
export const HORIZON_US = 250_000;
const AFTER_FLUSH_US = 1_000_000;
const KEEP_S = 86_400;

export const reservingGcra = `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local interval = ARGV[4] * 1000000 / ARGV[3]
local tat = tonumber(redis.call('get', KEYS[1])) or (now + ${AFTER_FLUSH_US})
local lost = tat == now + ${AFTER_FLUSH_US}
local lead = ARGV[2] * 1000
if tat < now + lead then tat = now + lead end
local ahead = tat - now
if lost then
  redis.call('set', KEYS[1], string.format('%.0f', tat), 'EX', ${KEEP_S})
end
if ahead > ${HORIZON_US} then
  return { ARGV[3] + 1, string.format('%.0f %.0f', ahead, now) }
end
redis.call('set', KEYS[1], string.format('%.0f', tat + ARGV[1] * interval), 'EX', ${KEEP_S})
return { ARGV[1], string.format('%.0f %.0f', ahead, now) }
`;
