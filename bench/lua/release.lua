-- Gives back what a hold keeps.
--   KEYS  sku, hold, due, buyers, as in reserve.lua      ARGV  hold id
--   reply {status, units}, as Holdfast's RELEASE
local hold = redis.call('HMGET', KEYS[2], 'state', 'units', 'buyer')
if not hold[1] then return redis.error_reply('NOHOLD no such hold') end
local units = tonumber(hold[2])
if hold[1] == 'CONFIRMED' then return {{ok = 'CONFIRMED'}, 0} end
if hold[1] ~= 'HELD' then return {{ok = hold[1]}, units} end

redis.call('HSET', KEYS[2], 'state', 'RELEASED', 'deadline', 0)
redis.call('HINCRBY', KEYS[1], 'held', -units)
redis.call('HINCRBY', KEYS[1], 'available', units)
redis.call('HINCRBY', KEYS[4], hold[3], -units)
redis.call('ZREM', KEYS[3], ARGV[1])
return {{ok = 'RELEASED'}, units}
