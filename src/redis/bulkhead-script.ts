import { scriptOf, wholeNumbers } from './script.js'

/**
 * Places of a bulkhead, by the server's clock. The state is one JSON text: the places that are held, and the line of those who wait. Each
 * entry has a name, the time at which it lapses unless it is renewed, and its longest lifetime (milliseconds).
 *
 * After the clock was set back, entries of dead processes would live on: no entry lives longer than its lifetime from now. If a place was lost
 * and its holder renews it, it exists again, even beyond the limit, because the holder's call is still running.
 *
 * KEYS: the bulkhead. ARGV: 'take', 'keep' or 'free'; the number of places; lifetimes in ms of a place and of one who waits; names.
 * Answers: 1 if the first name has a place, else 0.
 */
const BULKHEAD = `
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local what, most, lease, patience = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local asked = {}
for i = 5, #ARGV do asked[ARGV[i]] = true end

local state = redis.call('GET', KEYS[1])
local old = state and cjson.decode(state) or {{}, {}}
local lasting = 0
local function living(all, ms)
  local found, mine = {}, nil
  for _, one in ipairs(all) do
    local untilMs = math.min(one[2], now + one[3])
    if asked[one[1]] then
      if what ~= 'free' then mine, untilMs = one[1], now + ms end
      if what == 'free' then untilMs = 0 end
      if what == 'keep' then asked[one[1]] = nil end
    end
    if untilMs > now then found[#found + 1] = {one[1], untilMs, one[3]} end
  end
  return found, mine
end
local places, mine = living(old[1], lease)
local line, waits = living(old[2], patience)

local has = mine and 1 or 0
if what == 'keep' then
  for i = 5, #ARGV do
    if asked[ARGV[i]] then places[#places + 1] = {ARGV[i], now + lease, lease} end
  end
elseif what == 'take' and not mine then
  if not waits then line[#line + 1] = {ARGV[5], now + patience, patience} end
  for i, one in ipairs(line) do
    if one[1] == ARGV[5] and #places + i <= most then
      table.remove(line, i)
      places[#places + 1] = {ARGV[5], now + lease, lease}
      has = 1
      break
    end
  end
end

for _, all in ipairs({places, line}) do
  for _, one in ipairs(all) do lasting = math.max(lasting, one[2] - now) end
end
if lasting > 0 then
  redis.call('SET', KEYS[1], cjson.encode({places, line}), 'PX', string.format('%.0f', lasting))
else
  redis.call('DEL', KEYS[1])
end
return {string.format('%d', has)}
`

export const BULKHEAD_SCRIPT = scriptOf(BULKHEAD)

/** Reads the script's answer. @throws {TypeError} for anything but one whole number */
export function hasPlace(answer: unknown): boolean {
  return wholeNumbers(answer, 1)[0] === 1
}
