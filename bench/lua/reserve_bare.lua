-- Check and decrement: no hold, no window, no limit, no safe retry. It cannot do what RESERVE does;
-- it is here to show how much of a full script's cost is Lua and how much the sale itself.
--   KEYS  a counter      ARGV  units      reply {status, units left}
local available = tonumber(redis.call('GET', KEYS[1]) or '0')
local units = tonumber(ARGV[1])
if available < units then return {{ok = 'SOLDOUT'}, available} end
return {{ok = 'HELD'}, redis.call('DECRBY', KEYS[1], units)}
