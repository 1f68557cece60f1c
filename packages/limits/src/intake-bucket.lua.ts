/*
 * KEYS[1]  when all that was taken will be paid for, in µs of Redis' clock
 * ARGV[1]  the interval of one, in µs
 * ARGV[2]  how far ahead one may be, in µs: the burst
 * ARGV[3]  how many
 *
 * Returns {admitted, ahead}: 1 or 0, and how far ahead the key is now, in µs (rounding forgives one). See takeFrom, which is the same for one process.
 */
export const intakeBucket = `
local time = redis.call('time')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local ahead = math.max(0, (tonumber(redis.call('get', KEYS[1])) or 0) - now)
if ahead + interval > tonumber(ARGV[2]) + 1 then
  return { 0, string.format('%.0f', ahead) }
end
ahead = ahead + interval * tonumber(ARGV[3])
redis.call('set', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000) + 1000)
return { 1, string.format('%.0f', ahead) }
`;
