-- One server tells what it took of one subject's limits, reserves slots, and learns what all have left.
--
-- KEYS[1]  the subject's hash: "r" and "b" are the levels of the two buckets, "t" when they were so, and each server's
--          own field "s:<server>" the slots that it holds, and when it said so
-- ARGV     server, rate, burst, requests taken, bytes a second, bytes taken, running, slots wanted besides, most slots of
--          all, seconds after which a server is gone
-- Returns the two levels as text (a number would lose its fraction), and how many of the slots it may have.

local server, rate, burst, requests = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local width, bytes, running, wanted = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local most, gone_s = tonumber(ARGV[9]), tonumber(ARGV[10])
local time = redis.call("TIME")
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6

local kept = {}
local flat = redis.call("HGETALL", KEYS[1])
for i = 1, #flat, 2 do
  kept[flat[i]] = flat[i + 1]
end
local passed = math.max(0, now - tonumber(kept["t"] or now))

local function level(field, fills, capacity, taken)
  local before = tonumber(kept[field] or capacity)
  return math.min(capacity, before + passed * fills) - taken
end

local r, b = level("r", rate, burst, requests), level("b", width, width, bytes)
local elsewhere = 0
for field, value in pairs(kept) do
  if string.sub(field, 1, 2) == "s:" and field ~= "s:" .. server then
    local count, said = string.match(value, "^(%d+) (.+)$")
    if now - tonumber(said) > gone_s then
      redis.call("HDEL", KEYS[1], field)
    else
      elsewhere = elsewhere + tonumber(count)
    end
  end
end
local granted = math.max(0, math.min(wanted, most - elsewhere - running))
local function text(number)
  return string.format("%.6f", number)
end
redis.call("HSET", KEYS[1], "t", text(now), "r", text(r), "b", text(b), "s:" .. server,
  string.format("%d", running + granted) .. " " .. text(now))
redis.call("EXPIRE", KEYS[1], 86400)
return { text(r), text(b), granted }
