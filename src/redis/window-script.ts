import { WINDOW } from '../memory/shared/layout.js'
import { scriptOf, wholeNumbers } from './script.js'

/**
 * Counts hits of a key in a window, by the server's clock and by the rules of `KeyedWindow` in shared memory.
 *
 * The state is one string of whole numbers, `count at len blocked`: the window, or the block, began or was prolonged at `at` and ends `len`
 * later (microseconds). If `at` is in the future because the clock was set back, it is replaced by now, so that no window lasts longer than
 * intended.
 *
 * All numbers stay below 2^53, so Lua's are exact. They are written with %.0f because Lua would write large ones with an exponent.
 *
 * KEYS: the key. ARGV: 'hit', 'look', 'unhit', 'block' or 'reset'; the number of hits; us of the window or block; the most hits that are not
 * refused; the effect of a refused hit on the window ('never': none, 'refused': it begins again, 'double': each doubles its length, 'block':
 * the key is blocked); us of that block.
 * Answers: hits counted, us until the end (0: no window), 1 while the key is blocked.
 */
export const WINDOW_TEXT = `
local MOST, LONGEST = ${WINDOW.mostCount}, ${WINDOW.mostMs}000
local what, n, lasting, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if what == 'reset' then
  redis.call('DEL', KEYS[1])
  return {'0', '0', '0'}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local count, at, len, blocked = 0, 0, 0, 0
local state = redis.call('GET', KEYS[1])
if state then
  local a, b, c, d = string.match(state, '^(%d+) (%d+) (%d+) ([01])$')
  if not a then return redis.error_reply('ERR the key of a window holds something else') end
  count, at, len, blocked = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if at > now then at = now end
  if at + len <= now then count, at, len, blocked = 0, 0, 0, 0 end
end

if what == 'block' then
  if blocked == 0 or at + len <= now + lasting then at, len, blocked = now, lasting, 1 end
elseif what == 'unhit' and blocked == 0 then
  count = math.max(count - n, 0)
elseif what == 'hit' and blocked == 0 then
  if len == 0 then at, len = now, lasting end
  count = math.min(count + n, MOST)
  if count > limit and ARGV[5] == 'block' then
    at, len, blocked = now, tonumber(ARGV[6]), 1
  elseif count > limit and ARGV[5] ~= 'never' then
    if ARGV[5] == 'double' then lasting = math.min(lasting * 2 ^ math.min(count - limit - 1, 62), LONGEST) end
    if now + lasting > at + len then at, len = now, lasting end
  end
end

local rest = 0
if len > 0 then rest = at + len - now end
if rest > 0 and what ~= 'look' then
  local text = string.format('%.0f %.0f %.0f %d', count, at, len, blocked)
  redis.call('SET', KEYS[1], text, 'PX', string.format('%.0f', math.ceil(rest / 1000)))
end
return {string.format('%.0f', count), string.format('%.0f', rest), string.format('%d', blocked)}
`

export const WINDOW_SCRIPT = scriptOf(WINDOW_TEXT)

/** A request to the script. Times are milliseconds, and at most `WINDOW.mostMs`. */
export interface WindowRequest {
  readonly what: 'hit' | 'look' | 'unhit' | 'block' | 'reset'
  readonly hits?: number
  /** Length of the window or block. */
  readonly lastingMs?: number
  /** Further hits are refused; a whole number. */
  readonly limit?: number
  readonly extend?: 'never' | 'refused' | 'double' | 'block'
  /** With `extend: 'block'`: how long a refused hit blocks the key. */
  readonly blockMs?: number
}

export function windowArguments(request: WindowRequest): string[] {
  const { what, hits = 1, lastingMs = 0, limit = WINDOW.mostCount, extend = 'never', blockMs = 0 } = request
  const us = (ms: number): string => Math.ceil(ms * 1000).toFixed(0)
  return [what, hits.toFixed(0), us(lastingMs), limit.toFixed(0), extend, us(blockMs)]
}

/** The script's answer. */
export interface WindowAnswer {
  readonly count: number
  /** Milliseconds until the window or block ends; 0 without one. */
  readonly resetMs: number
  readonly blocked: boolean
}

/** @throws {TypeError} for anything but three whole numbers */
export function readWindowAnswer(answer: unknown): WindowAnswer {
  const [count, resetUs, blocked] = wholeNumbers(answer, 3) as [number, number, number]
  return { count, resetMs: resetUs / 1000, blocked: blocked === 1 }
}
