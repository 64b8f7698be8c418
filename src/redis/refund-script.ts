import type { ExactTime } from './gcra.js'
import { scriptOf } from './script.js'

/**
 * Gives back what was taken of a limit of `gcra.ts`: its theoretical arrival time moves back. One that lies in the past by that is a full
 * bucket.
 *
 * KEYS: the limit. ARGV: us and ps (millionths of a microsecond) that the units take. Answers 1, or 0 where nothing was taken.
 */
const REFUND = `
local us, ps, rest = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%d+) (.+)$')
if not us then return '0' end
us, ps = tonumber(us) - tonumber(ARGV[1]), tonumber(ps) - tonumber(ARGV[2])
if ps < 0 then us, ps = us - 1, ps + 1000000 end
redis.call('SET', KEYS[1], string.format('%.0f %.0f %s', us, ps, rest), 'KEEPTTL')
return '1'
`

export const REFUND_SCRIPT = scriptOf(REFUND)

export function refundArguments({ us, ps }: ExactTime): string[] {
  return [us.toFixed(0), ps.toFixed(0)]
}
