-- The usual flash-sale script in full: a retry with the same hold id gets the same answer, the sale has a
-- window, each buyer a limit, each hold a record and a deadline that a sweeper finds in an index.
-- (The sweeper itself is another script's work, and not counted against Redis here.)
--   KEYS  sku (hash)  hold (hash)  due (sorted set: hold id by deadline)  buyers (hash: units by buyer)
--   ARGV  hold id, units, buyer, time to live in ms
--   reply {status, units in hand, ms, n}, as Holdfast's RESERVE
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local units = tonumber(ARGV[2])

local sku = redis.call('HMGET', KEYS[1], 'available', 'opens', 'closes', 'limit')
if not sku[1] then return redis.error_reply('NOSKU no such SKU') end
local available = tonumber(sku[1])

local hold = redis.call('HMGET', KEYS[2], 'state', 'asked', 'buyer', 'units', 'deadline')
if hold[1] then
  if hold[2] ~= ARGV[2] or hold[3] ~= ARGV[3] then
    return redis.error_reply('HOLDMISMATCH hold exists with other units or buyer')
  end
  return {{ok = hold[1]}, tonumber(hold[4]), tonumber(hold[5]), available}
end

local closes = tonumber(sku[3])
if closes > 0 and now >= closes then return {{ok = 'CLOSED'}, 0, closes, available} end
local opens = tonumber(sku[2])
if now < opens then return {{ok = 'EARLY'}, 0, opens, available} end

local limit = tonumber(sku[4])
if limit > 0 then
  local used = tonumber(redis.call('HGET', KEYS[4], ARGV[3]) or '0')
  if used + units > limit then return {{ok = 'LIMIT'}, 0, 0, limit - used} end
end
if available == 0 then return {{ok = 'SOLDOUT'}, 0, 0, 0} end
if available < units then return {{ok = 'SHORT'}, 0, 0, available} end

local deadline = now + tonumber(ARGV[4])
redis.call('HINCRBY', KEYS[1], 'available', -units)
redis.call('HINCRBY', KEYS[1], 'held', units)
if limit > 0 then redis.call('HINCRBY', KEYS[4], ARGV[3], units) end
redis.call('HSET', KEYS[2], 'state', 'HELD', 'asked', units, 'buyer', ARGV[3], 'units', units,
           'deadline', deadline, 'made', now)
redis.call('ZADD', KEYS[3], deadline, ARGV[1])
return {{ok = 'HELD'}, units, deadline, available - units}
