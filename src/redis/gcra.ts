import { scriptOf } from './script.js'

/**
 * The generic cell rate algorithm, debited before use, on the server's own clock. Of `most` units asked for it grants as many as are there,
 * none if fewer than `least`.
 *
 * The state of a limit is one string of whole numbers: `us ps at len`, and after them the terms by which it was last written (ARGV 3 to 6).
 * `us` and `ps` (millionths of a microsecond) are the theoretical
 * arrival time: the moment at which the bucket would be full again. `at` and `len` (microseconds) are the last pause. A clock that was set
 * back would leave both in the far future; they are cut to what they can be at most, and written back even where nothing is granted.
 *
 * All numbers stay below 2^53, so Lua's are exact; they are written by %.0f, since Lua would write large ones with an exponent.
 * Source: ITU-T I.371; Brandur Leach's redis-cell for the form.
 *
 * KEYS: the limit. ARGV: most, least, us and ps that a unit takes, us and ps that a full bucket takes, us of a pause to begin (0: none).
 * Answers: granted, us to wait for `least` (-1: no time will do), units left, us that a pause still lasts; and the terms in the key, where
 * they are others than those of this call. Each call counts by its own.
 */
export const GCRA = `
local PS = 1000000
local most, least = tonumber(ARGV[1]), tonumber(ARGV[2])
local unitUs, unitPs = tonumber(ARGV[3]), tonumber(ARGV[4])
local fullUs, fullPs = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local us, ps, at, len = now, 0, 0, 0
local terms = table.concat({ARGV[3], ARGV[4], ARGV[5], ARGV[6]}, ' ')
local others = nil
local state = redis.call('GET', KEYS[1])
if state then
  local a, b, c, d, found = string.match(state, '^(%d+) (%d+) (%d+) (%d+) ([%d ]+)$')
  if not a then return redis.error_reply('ERR the key of a rate limit holds something else') end
  us, ps, at, len = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if found ~= terms then others = found end
end
local before = us
if us < now then us, ps = now, 0 end
if us > now + fullUs or (us == now + fullUs and ps > fullPs) then us, ps = now + fullUs, fullPs end
if at > now then at = now end
local pause = tonumber(ARGV[7])
if pause > 0 and at + len < now + pause then at, len = now, pause end
local rest = at + len - now
if rest <= 0 then at, len, rest = 0, 0, 0 end

-- What n units take, exactly.
local function cost(n)
  local parts = n * unitPs
  local carry = math.floor(parts / PS)
  return n * unitUs + carry, parts - carry * PS
end
-- What is there: full - (tat - now).
local roomUs, roomPs = fullUs - (us - now), fullPs - ps
if roomPs < 0 then roomUs, roomPs = roomUs - 1, roomPs + PS end
local function fits(n)
  local a, b = cost(n)
  return a < roomUs or (a == roomUs and b <= roomPs)
end
-- The division is of rounded numbers; the comparison decides.
local left = math.floor((roomUs + roomPs / PS) / (unitUs + unitPs / PS))
if left < 0 then left = 0 end
while left > 0 and not fits(left) do left = left - 1 end
while fits(left + 1) do left = left + 1 end

local granted, wait = 0, 0
if rest == 0 then granted = math.min(left, most) end
if granted < least then
  granted = 0
  local a, b = cost(least)
  if a > fullUs or (a == fullUs and b > fullPs) then
    wait = -1
  else
    wait = math.max(rest, a - roomUs + (b > roomPs and 1 or 0))
  end
end
if granted > 0 then
  local a, b = cost(granted)
  us, ps = us + a, ps + b
  if ps >= PS then us, ps = us + 1, ps - PS end
end
if granted > 0 or rest > 0 or us ~= before then
  local lives = math.max(us - now, rest)
  if lives > 0 or ps > 0 then
    local text = string.format('%.0f %.0f %.0f %.0f %s', us, ps, at, len, terms)
    redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', math.ceil(lives / 1000) + 1))
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
