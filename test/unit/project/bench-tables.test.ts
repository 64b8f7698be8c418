import { expect, it } from 'vitest'
import { importTable, pathTables, targets } from '../../../bench/micro/report.mjs'
import { middleOrBound } from '../../../bench/support/tables.mjs'
import { targetTable } from '../../../bench/support/targets.mjs'

it.each([
  [{ median: 0.988, min: -11.5, max: 1.61 }, 'below 1.61'],
  [{ median: 12.1, min: 11.9, max: 12.3 }, '12.1'],
  [{ median: -2, min: -3, max: -1 }, '-2'],
])('shows the median of rounds, or a bound where they lie on both sides of 0: %j', (summary, shown) => {
  expect(middleOrBound(summary)).toBe(shown)
})

it('says the same of a lease below the noise in its row and in its target', () => {
  const rounds = (median: number, min = median, max = median) => ({ median, min, max })
  const one = (id: string, ns: object, role = '') => ({
    id,
    subject: id,
    call: 'f()',
    role,
    path: 'allowed',
    ns,
    heapBytes: rounds(0),
  })
  const others = [
    'limiter/allowed',
    'amorsize/denied',
    'limiter/denied',
    'fast-ratelimit/allowed',
    'amorsize/await',
    'floor/await',
  ]
  const cases = [
    one('amorsize/allowed', rounds(10), 'ours'),
    one('amorsize/lease', rounds(0.988, -11.5, 1.61)),
    ...others.map((id) => one(id, rounds(8))),
  ]
  const [allowed] = pathTables(cases)
  expect(allowed!.table.rows[1]).toEqual(['amorsize/lease', '`f()`', 'below 1.61', '-11.5 to 1.61', '0', 'below 0.161'])
  const importMs = {
    './empty.mjs': rounds(1),
    amorsize: rounds(9),
    'amorsize/limiter': rounds(6),
    'amorsize/testing': rounds(4),
    piscina: rounds(12),
    cockatiel: rounds(15),
    limiter: rounds(3.5),
  }
  const { rows } = targetTable(targets(cases, importMs))
  expect(rows.find(([what]) => what?.startsWith('lease'))?.slice(1)).toEqual([
    '<= 0.3 x',
    'below 0.201 x',
    'met',
    'below 1.61 ns / 8 ns',
  ])
  expect(rows[0]?.slice(1)).toEqual(['<= 0.4 x', '1.25 x', 'MISSED', '10 ns / 8 ns'])
  expect(rows.slice(-3).map(([what, , , verdict]) => [what, verdict])).toEqual([
    ["import 'amorsize' beyond an empty module", 'met'],
    ["import 'amorsize/limiter' beyond an empty module", 'MISSED'],
    ["import 'amorsize/testing' beyond an empty module", 'met'],
  ])
  expect(importTable(importMs).table.rows.at(-1)).toEqual(['`limiter`', '3.5', '3.5 to 3.5', '2.5'])
})
