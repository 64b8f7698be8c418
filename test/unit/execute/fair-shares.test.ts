import { expect, it } from 'vitest'
import { givers, isStuck, neediest, type Sharer, TURN_MS } from '../../../dist/execute/threads/fair-shares.js'

/** A run in which this thread takes part, with so many workers, that asks for so many more. */
const run = (held: number, wanted = 0, given: Partial<Sharer> = {}): Sharer => ({
  wanted,
  held,
  spare: 0,
  leaving: 0,
  heldMs: 0,
  worksHere: true,
  mayWorkHere: true,
  ...given,
})
/** The same of long items, which this thread leaves to workers. */
const long = (held: number, wanted = 0, given: Partial<Sharer> = {}): Sharer =>
  run(held, wanted, { worksHere: false, ...given })

it('the next worker goes to who cannot go on without, then to who has fewest, then to who asked first', () => {
  const order = [run(2, 1), run(0, 1), run(0, 2), run(0, 0), long(0, 1), long(1, 1)]
  const served: (Sharer | undefined)[] = []
  for (const left = [...order]; left.length > 0; left.splice(left.indexOf(served.at(-1) as Sharer), 1)) {
    const next = neediest(left)
    if (next === undefined) break
    served.push(next)
  }
  expect(served.map((one) => order.indexOf(one as Sharer))).toEqual([4, 1, 2, 5, 0])
})

it.each<[string, Sharer[], number[]]>([
  ['nobody gives where nobody asks', [run(3), run(0)], []],
  ['workers are shared evenly', [run(7), run(0, 7)], [0, 0, 0]],
  ['nobody gives for a difference of one', [run(1), run(0, 1)], []],
  ['as many as were asked for', [run(7), run(0, 1)], [0]],
  ['who has the most gives', [run(2), run(5), run(0, 2)], [1, 1]],
  ['the last one goes to who cannot go on without, from who can', [run(1), long(0, 1)], [0]],
  ['who cannot go on without either keeps its last one for a while', [long(1), long(0, 1)], []],
  ['and gives it then', [long(1, 0, { heldMs: TURN_MS }), long(0, 1)], [0]],
  ['also if this thread may not run its items', [long(1, 0, { heldMs: TURN_MS, mayWorkHere: false }), long(0, 1)], [0]],
  [
    'who cannot go on comes before many who can',
    [run(2), ...Array.from({ length: 9 }, () => run(0, 1)), long(0, 1)],
    [0],
  ],
  ['the last one is not given to who can go on without', [long(1, 0, { heldMs: TURN_MS }), run(0, 1)], []],
  ['one that has nothing to do goes first', [run(3), long(1, 0, { spare: 1, mayWorkHere: false }), run(0, 1)], [1]],
  ['of several the one with most of them', [long(3, 0, { spare: 1 }), long(2, 0, { spare: 2 }), run(0, 1)], [1]],
  ['and of those the one with most', [long(2, 0, { spare: 1 }), long(3, 0, { spare: 1 }), run(0, 1)], [1]],
  ['until none is left of them', [long(2, 0, { spare: 1 }), long(3), run(0, 2)], [0, 1]],
  ['but not to who has as many', [long(1, 0, { spare: 1 }), run(1, 1)], []],
  ['who has one with nothing to do needs no other', [run(3), run(1, 1, { spare: 1 })], []],
  ['nobody gives to itself', [long(0, 2)], []],
])('%s', (_, sharers, giving) => {
  const before = structuredClone(sharers)
  expect(givers(sharers, 0)).toEqual(giving)
  expect(sharers).toEqual(before)
})

it('workers on their way are taken to be with the neediest', () => {
  const sharers = [run(7), run(0, 7)]
  expect([0, 1, 2, 3, 4].map((coming) => givers(sharers, coming).length)).toEqual([3, 3, 2, 2, 1])
})

it('knows who cannot go on', () => {
  expect([long(0, 1), long(0), long(1, 1), run(0, 1)].map(isStuck)).toEqual([true, false, false, false])
})
