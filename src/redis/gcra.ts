import { scriptOf, wholeNumbers } from './script.js'

/**
 * The generic cell rate algorithm, debited before use, by the server's clock. It grants up to `most` units, or none if fewer than `least` are
 * available; for several limits all or nothing. With a `least` of -1 all units are taken, or given back if `most` is negative, however many are
 * available; missing ones become a debt.
 *
 * The state of a limit is one string of whole numbers: `us ps at len`, the terms (ARGV 3 to 6) that `us` and `ps` belong to, and `over` if
 * there is a debt. `us` and `ps` (millionths of a microsecond) are the theoretical arrival time: the moment at which the bucket would be full
 * again. `at` and `len` (microseconds) are the last pause; `over` is the part of the lacking time beyond the bucket's size.
 *
 * No bucket lacks more than its size and its debt. This repairs times that are far in the future because the clock was set back.
 * If the terms differ from those of the previous call, the number of lacking units is kept, so that they come back at the new rate. If the new
 * bucket is smaller, the excess is a debt; otherwise a limiter with a smaller bucket would forgive tokens that one with a larger bucket took.
 *
 * All numbers stay below 2^53, so Lua's are exact. They are written with %.0f because Lua would write large ones with an exponent.
 * Source: ITU-T I.371; Brandur Leach's redis-cell for the form.
 *
 * KEYS: the limits. ARGV, for each: most, least, us and ps of a unit, us and ps of a full bucket, us of a pause to begin (0: none). Answers,
 * for each: granted, us to wait for `least` (-1: no wait is long enough), units left, us that a pause still lasts.
 */
export const GCRA = `
local PS, LONGEST = 1000000, 4e15
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
-- What n units take, exactly.
local function cost(m, n)
  local parts = n * m.unitPs
  local carry = math.floor(parts / PS)
  return n * m.unitUs + carry, parts - carry * PS
end

local limits, all = {}, true
for i, key in ipairs(KEYS) do
  local args = {}
  for j = 1, 7 do args[j] = ARGV[7 * i - 7 + j] end
  local m = {key = key, terms = table.concat(args, ' ', 3, 6), us = now, ps = 0, at = 0, len = 0, wait = 0}
  for j, name in ipairs({'most', 'least', 'unitUs', 'unitPs', 'fullUs', 'fullPs', 'pause'}) do m[name] = tonumber(args[j]) end
  local unit = m.unitUs + m.unitPs / PS
  m.state = redis.call('GET', key)
  if m.state then
    local a, b, c, d, terms, over = string.match(m.state, '^(%d+) (%d+) (%d+) (%d+) (%d+ %d+ %d+ %d+) ?(%d*)$')
    if not a then return redis.error_reply('ERR the key of a rate limit holds something else') end
    m.us, m.ps, m.at, m.len, over = tonumber(a), tonumber(b), tonumber(c), tonumber(d), tonumber(over) or 0
    if m.us < now then m.us, m.ps = now, 0 end
    local unitUs, unitPs, fullUs, fullPs = string.match(terms, '(%d+) (%d+) (%d+) (%d+)')
    local us, ps = now + tonumber(fullUs) + over, tonumber(fullPs)
    if m.us > us or (m.us == us and m.ps > ps) then m.us, m.ps, m.changed = us, ps, true end
    if terms ~= m.terms then
      local lacking = (m.us - now + m.ps / PS) / (tonumber(unitUs) + tonumber(unitPs) / PS) * unit
      lacking = math.min(lacking, LONGEST)
      us = math.floor(lacking)
      m.us, m.ps, m.changed = now + us, math.min(math.ceil((lacking - us) * PS), PS - 1), true
    end
  end

  if m.at > now then m.at = now end
  if m.pause > 0 and m.at + m.len < now + m.pause then m.at, m.len = now, m.pause end
  m.rest = m.at + m.len - now
  if m.rest <= 0 then m.at, m.len, m.rest = 0, 0, 0 end

  -- What is there: full - (tat - now).
  local roomUs, roomPs = m.fullUs - (m.us - now), m.fullPs - m.ps
  if roomPs < 0 then roomUs, roomPs = roomUs - 1, roomPs + PS end
  local function fits(n)
    local a, b = cost(m, n)
    return a < roomUs or (a == roomUs and b <= roomPs)
  end
  -- The division is of rounded numbers; the comparison decides.
  local left = math.max(math.floor((roomUs + roomPs / PS) / unit), 0)
  while left > 0 and not fits(left) do left = left - 1 end
  while fits(left + 1) do left = left + 1 end
  m.left, m.granted = left, 0
  if m.least < 0 then
    m.granted = m.most
  elseif m.rest == 0 then
    m.granted = math.min(left, m.most)
  end
  if m.granted < m.least then
    all = false
    local a, b = cost(m, m.least)
    if a > m.fullUs or (a == m.fullUs and b > m.fullPs) then
      m.wait = -1
    else
      m.wait = math.max(m.rest, a - roomUs + (b > roomPs and 1 or 0))
    end
  end
  limits[i] = m
end

local answers = {}
for _, m in ipairs(limits) do
  if not all and m.least >= 0 then m.granted = 0 end
  if m.granted ~= 0 or m.rest > 0 or m.changed then
    local a, b = cost(m, m.granted)
    local us, ps = m.us + a, m.ps + b
    if ps >= PS then us, ps = us + 1, ps - PS end
    if us < now then us, ps = now, 0 end
    us = math.min(us, now + LONGEST)
    local lives = math.max(m.rest, us - now + (ps > 0 and 1 or 0))
    local over = us - now - m.fullUs + (ps > m.fullPs and 1 or 0)
    local text = string.format('%.0f %.0f %.0f %.0f ', us, ps, m.at, m.len) .. m.terms
    if over > 0 then text = text .. string.format(' %.0f', over) end
    if lives > 0 then
      redis.call('SET', m.key, text, 'PX', string.format('%.0f', math.ceil(lives / 1000) + 1))
    elseif m.state then
      redis.call('DEL', m.key)
    end
  end
  for _, number in ipairs({m.granted, m.wait, math.max(m.left - m.granted, 0), m.rest}) do
    answers[#answers + 1] = string.format('%.0f', number)
  end
end
return answers
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

/** How long a whole number of tokens takes, exactly, so that a bucket of this size holds all of them. */
export function timeOfTokens(tokens: number, { us, ps }: ExactTime): ExactTime {
  const all = BigInt(tokens) * (BigInt(us) * BigInt(PS) + BigInt(ps))
  return { us: Number(all / BigInt(PS)), ps: Number(all % BigInt(PS)) }
}

/** A request to the script. */
export interface GcraRequest {
  readonly most: number
  readonly least: number
  readonly unit: ExactTime
  readonly full: ExactTime
  /** Milliseconds of a new pause; 0: none. */
  readonly pauseMs: number
}

export function gcraArguments({ most, least, unit, full, pauseMs }: GcraRequest): string[] {
  return [most, least, unit.us, unit.ps, full.us, full.ps, Math.ceil(pauseMs * 1000)].map((number) => number.toFixed(0))
}

/** The script's answer. */
export interface GcraAnswer {
  readonly granted: number
  /** Milliseconds until `least` tokens are available; Infinity: never. */
  readonly waitMs: number
  readonly left: number
  /** Milliseconds that a pause still lasts. */
  readonly pausedMs: number
}

/** @throws {TypeError} for anything but four whole numbers per limit */
export function readGcraAnswers(answer: unknown, limits: number): GcraAnswer[] {
  const numbers = wholeNumbers(answer, 4 * limits)
  return Array.from({ length: limits }, (_, i) => {
    const [granted, waitUs, left, pausedUs] = numbers.slice(4 * i) as [number, number, number, number]
    return { granted, waitMs: waitUs === -1 ? Infinity : Math.max(0, waitUs / 1000), left, pausedMs: pausedUs / 1000 }
  })
}
