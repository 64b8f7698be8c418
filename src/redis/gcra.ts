import { scriptOf } from './script.js'

/**
 * The generic cell rate algorithm, debited before use, on the server's own clock. Of `most` units asked for it grants as many as are there,
 * none if fewer than `least`.
 *
 * The state of a limit is one string of whole numbers: `us ps at len`, and the terms (ARGV 3 to 6) that `us` and `ps` belong to. `us` and `ps`
 * (millionths of a microsecond) are the theoretical arrival time: the moment at which the bucket would be full again. `at` and `len`
 * (microseconds) are the last pause.
 *
 * Where a limit is used by several terms, each has a meter of its own, `us ps` and terms, the last used first. What is granted by one is
 * debited to all: each call counts by its own terms, and leaves the others their debt. New terms, as after a change, take over how many
 * units the first meter lacks, so that they come back at the new rate; whose terms were used least recently are forgotten beyond four.
 *
 * No meter lacks more than the largest bucket among them: a call of a slow one beside a fast one is not refused for hours. So is a clock
 * mended that was set back, which would leave all times in the far future.
 *
 * All numbers stay below 2^53, so Lua's are exact; they are written by %.0f, since Lua would write large ones with an exponent.
 * Source: ITU-T I.371; Brandur Leach's redis-cell for the form.
 *
 * KEYS: the limit. ARGV: most, least, us and ps that a unit takes, us and ps that a full bucket takes, us of a pause to begin (0: none).
 * Answers: granted, us to wait for `least` (-1: no time will do), units left, us that a pause still lasts; and the terms used last, where
 * they are others than those of this call.
 */
export const GCRA = `
local PS, KEPT, LONGEST = 1000000, 4, 4e15
local most, least, pause = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[7])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local at, len, meters, mine, others = 0, 0, {}, nil, nil
local largest = 0
local function meter(us, ps, terms, a, b, c, d)
  local m = {us = us, ps = ps, terms = terms, unitUs = tonumber(a), unitPs = tonumber(b), fullUs = tonumber(c), fullPs = tonumber(d)}
  if us < now then m.us, m.ps = now, 0 end
  m.unit = m.unitUs + m.unitPs / PS
  m.burst = math.floor((m.fullUs + m.fullPs / PS) / m.unit + 0.5)
  largest = math.max(largest, m.burst)
  return m
end
-- What n units take, exactly.
local function cost(m, n)
  local parts = n * m.unitPs
  local carry = math.floor(parts / PS)
  return n * m.unitUs + carry, parts - carry * PS
end

local terms = table.concat({ARGV[3], ARGV[4], ARGV[5], ARGV[6]}, ' ')
local state = redis.call('GET', KEYS[1])
if state then
  local a, b, c, d, rest = string.match(state, '^(%d+) (%d+) (%d+) (%d+) (%d+ %d+ %d+ %d+[%d ]*)$')
  if not a then return redis.error_reply('ERR the key of a rate limit holds something else') end
  at, len = tonumber(c), tonumber(d)
  for us, ps, found, e, f, g, h in string.gmatch(a .. ' ' .. b .. ' ' .. rest, '(%d+) (%d+) ((%d+) (%d+) (%d+) (%d+))') do
    local m = meter(tonumber(us), tonumber(ps), found, e, f, g, h)
    if found == terms then mine = m else meters[#meters + 1] = m end
    if #meters == 1 and not mine then others = found end
  end
end
local changed = false
if not mine then
  mine = meter(now, 0, terms, ARGV[3], ARGV[4], ARGV[5], ARGV[6])
  local last = meters[1]
  if last then
    local lacking = (last.us - now + last.ps / PS) / last.unit * mine.unit
    local us = math.floor(lacking)
    mine.us, mine.ps, changed = now + us, math.min(math.ceil((lacking - us) * PS), PS - 1), true
  end
end
table.insert(meters, 1, mine)
local function cut(m)
  local a, b = m.fullUs, m.fullPs
  if m.burst < largest then a, b = cost(m, largest) end
  if a > LONGEST then a = LONGEST end
  if m.us > now + a or (m.us == now + a and m.ps > b) then m.us, m.ps, changed = now + a, b, true end
end
for _, m in ipairs(meters) do cut(m) end

if at > now then at = now end
if pause > 0 and at + len < now + pause then at, len = now, pause end
local rest = at + len - now
if rest <= 0 then at, len, rest = 0, 0, 0 end

-- What is there: full - (tat - now).
local roomUs, roomPs = mine.fullUs - (mine.us - now), mine.fullPs - mine.ps
if roomPs < 0 then roomUs, roomPs = roomUs - 1, roomPs + PS end
local function fits(n)
  local a, b = cost(mine, n)
  return a < roomUs or (a == roomUs and b <= roomPs)
end
-- The division is of rounded numbers; the comparison decides.
local left = math.floor((roomUs + roomPs / PS) / mine.unit)
if left < 0 then left = 0 end
while left > 0 and not fits(left) do left = left - 1 end
while fits(left + 1) do left = left + 1 end

local granted, wait = 0, 0
if rest == 0 then granted = math.min(left, most) end
if granted < least then
  granted = 0
  local a, b = cost(mine, least)
  if a > mine.fullUs or (a == mine.fullUs and b > mine.fullPs) then
    wait = -1
  else
    wait = math.max(rest, a - roomUs + (b > roomPs and 1 or 0))
  end
end
if granted > 0 or rest > 0 or changed then
  local lives, texts = rest, {}
  for i = 1, math.min(#meters, KEPT) do
    local m = meters[i]
    if granted > 0 then
      local a, b = cost(m, granted)
      m.us, m.ps = m.us + a, m.ps + b
      if m.ps >= PS then m.us, m.ps = m.us + 1, m.ps - PS end
      if i > 1 then cut(m) end
    end
    lives = math.max(lives, m.us - now + (m.ps > 0 and 1 or 0))
    local pausing = i == 1 and string.format('%.0f %.0f ', at, len) or ''
    texts[i] = string.format('%.0f %.0f ', m.us, m.ps) .. pausing .. m.terms
  end
  if lives > 0 then
    redis.call('SET', KEYS[1], table.concat(texts, ' '), 'PX', string.format('%.0f', math.ceil(lives / 1000) + 1))
  end
end
return {string.format('%.0f', granted), string.format('%.0f', wait), string.format('%.0f', left - granted), string.format('%.0f', rest), others}
`

export const GCRA_SCRIPT = scriptOf(GCRA)

const PS = 1_000_000

/** Microseconds, and millionths of one. */
export interface ExactTime {
  readonly us: number
  readonly ps: number
}

/** How long a token takes at a rate; rounded up, so that no limit is exceeded. */
export function timeOfToken(requestsPerSecond: number): ExactTime {
  const exact = 1e6 / requestsPerSecond
  const us = Math.floor(exact)
  const ps = Math.ceil((exact - us) * PS)
  return ps === PS ? { us: us + 1, ps: 0 } : { us, ps }
}

/** How long a whole number of tokens takes, exactly: a bucket of so many holds all of them. */
export function timeOfTokens(tokens: number, { us, ps }: ExactTime): ExactTime {
  const all = BigInt(tokens) * (BigInt(us) * BigInt(PS) + BigInt(ps))
  return { us: Number(all / BigInt(PS)), ps: Number(all % BigInt(PS)) }
}

/** What the script is asked. */
export interface GcraRequest {
  readonly most: number
  readonly least: number
  readonly unit: ExactTime
  readonly full: ExactTime
  /** Milliseconds of a pause to begin; 0: none. */
  readonly pauseMs: number
}

export function gcraArguments({ most, least, unit, full, pauseMs }: GcraRequest): string[] {
  return [most, least, unit.us, unit.ps, full.us, full.ps, Math.ceil(pauseMs * 1000)].map((number) => number.toFixed(0))
}

/** What the script answers. */
export interface GcraAnswer {
  readonly granted: number
  /** Milliseconds until the least that was asked for is there; Infinity: never. */
  readonly waitMs: number
  readonly left: number
  /** Milliseconds that a pause still lasts. */
  readonly pausedMs: number
  /** Rate and burst by which the limit was last used, where they are others than those of the request. */
  readonly others: { readonly requestsPerSecond: number; readonly burstSize: number } | undefined
}

/** @throws {TypeError} for anything but four whole numbers, and perhaps terms */
export function readGcraAnswer(answer: unknown): GcraAnswer {
  const parts: unknown[] = Array.isArray(answer) ? answer : []
  const numbers = parts.slice(0, 4).map(Number)
  const [granted, waitUs, left, pausedUs] = numbers
  if (numbers.length !== 4 || !numbers.every((number) => Number.isInteger(number)))
    throw new TypeError(`the server answered something else than four whole numbers: ${String(answer)}`)
  return {
    granted: granted as number,
    waitMs: waitUs === -1 ? Infinity : Math.max(0, (waitUs as number) / 1000),
    left: left as number,
    pausedMs: (pausedUs as number) / 1000,
    others: typeof parts[4] === 'string' ? termsIn(parts[4]) : undefined,
  }
}

/** Rate and burst of terms as the script keeps them; rounded, for people. */
function termsIn(text: string): { requestsPerSecond: number; burstSize: number } {
  const [unitUs = 0, unitPs = 0, fullUs = 0, fullPs = 0] = text.split(' ').map(Number)
  const unit = unitUs + unitPs / PS
  return {
    requestsPerSecond: Number((1e6 / unit).toPrecision(6)),
    burstSize: Math.round((fullUs + fullPs / PS) / unit),
  }
}
