-- Sells what a hold keeps.
--   KEYS  sku, hold, due, buyers, as in reserve.lua      ARGV  hold id
--   reply {status, units}, as Holdfast's CONFIRM
local hold = redis.call('HMGET', KEYS[2], 'state', 'units', 'deadline')
if not hold[1] then return redis.error_reply('NOHOLD no such hold') end
local units = tonumber(hold[2])
if hold[1] == 'CONFIRMED' then return {{ok = 'CONFIRMED'}, units} end
if hold[1] ~= 'HELD' then return {{ok = hold[1]}, 0} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(hold[3]) then return {{ok = 'EXPIRED'}, 0} end

redis.call('HSET', KEYS[2], 'state', 'CONFIRMED', 'deadline', 0)
redis.call('HINCRBY', KEYS[1], 'held', -units)
redis.call('HINCRBY', KEYS[1], 'sold', units)
redis.call('ZREM', KEYS[3], ARGV[1])
return {{ok = 'CONFIRMED'}, units}
