import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedBlock } from '../../dist/execute/run/shared-block.js'
import { Claims, publishState, type SharedWords, State, wordsIn } from '../../dist/execute/transfer/shared-words.js'

type Kind = 'number' | 'undefined' | 'null' | 'true' | 'false' | 'sent'
const VALUES: Readonly<Record<Exclude<Kind, 'number' | 'sent'>, readonly [number, unknown]>> = {
  undefined: [State.UNDEFINED, undefined],
  null: [State.NULL, null],
  true: [State.TRUE, true],
  false: [State.FALSE, false],
}

/** Does what a worker does with a claim: see worker/claims.ts. */
function workerRuns(words: SharedWords, most: number, kindOf: (index: number) => Kind): number[] {
  const { claims, items, values, states } = words
  const from = Atomics.add(claims, Claims.NEXT, most)
  const to = Math.min(items.length, from + most)
  const sent: number[] = []
  for (let i = from; i < to; i++) {
    const kind = kindOf(i)
    if (kind === 'number') {
      values[i] = (items[i] as number) * 2
      publishState(states, i, State.NUMBER)
      continue
    }
    if (kind === 'sent') {
      states[i] = State.SENT
      sent.push(i)
    } else {
      const [state] = VALUES[kind]
      publishState(states, i, state)
    }
  }
  return sent
}

const kinds = fc.constantFrom<Kind>('undefined', 'null', 'true', 'false', 'sent')
const steps = fc.array(
  fc.record({ who: fc.constantFrom('here', 'worker', 'sweep'), most: fc.integer({ min: 1, max: 40 }) }),
  { maxLength: 60 },
)

describe('a shared block', () => {
  it.each([
    ['numbers only', fc.constant(new Map<number, Kind>())],
    ['results of all kinds', fc.array(fc.tuple(fc.nat(99), kinds), { maxLength: 20 }).map((pairs) => new Map(pairs))],
  ])('tells of each result once, whoever has claimed it and whenever it is looked at: %s', (_, others) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(3), others, steps, (count, before, others, steps) => {
        const items = Array.from({ length: before + count }, (_, i) => i * 3 + 0.5)
        const block = SharedBlock.of(items, before, 1000, 2) as SharedBlock
        const words = wordsIn(block.ofRun.memory)
        const told = new Map<number, unknown>()
        const tell = (index: number, result: unknown): void => {
          expect(told.has(index)).toBe(false)
          told.set(index, result)
        }
        const finished = (start: number, results: ArrayLike<unknown>): void =>
          Array.from(results).forEach((result, i) => tell(start + i, result))
        const kindOf = (i: number): Kind => others.get(i) ?? 'number'
        const act = (who: string, most: number): void => {
          if (who === 'here') {
            const batch = block.claim(most)
            Array.from(batch?.items ?? []).forEach((item, i) => tell((batch?.start ?? 0) + i, (item as number) * 2))
          } else if (who === 'worker') {
            for (const i of workerRuns(words, most, kindOf)) {
              // The message that says so has come.
              block.settled(1000 + i)
              tell(1000 + i, 'sent')
            }
          } else {
            block.sweep(finished)
          }
        }
        for (const { who, most } of steps) act(who, most)
        while (block.remaining > 0) act('worker', 7)
        block.sweep(finished)
        block.sweep(finished)
        expect([...told.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => 1000 + i))
        for (const [index, result] of told) {
          const kind = kindOf(index - 1000)
          const own = (items[before + index - 1000] as number) * 2
          // This thread's own items are always numbers here.
          const wanted = kind === 'number' ? [own] : kind === 'sent' ? [own, 'sent'] : [own, VALUES[kind][1]]
          expect(wanted).toContain(result)
        }
        expect(block.takeUnsettled()).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it('leaves to the run what a worker that died had claimed and not settled, and tells of the rest', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 60 }), fc.integer({ min: 1, max: 9 }), fc.nat(8), (count, size, done) => {
        const block = SharedBlock.of(
          Array.from({ length: count }, (_, i) => i),
          0,
          0,
          2,
        ) as SharedBlock
        const words = wordsIn(block.ofRun.memory)
        const from = Atomics.add(words.claims, Claims.NEXT, size)
        for (let i = from; i < from + Math.min(done, size - 1); i++) {
          words.values[i] = i * 2
          publishState(words.states, i, State.NUMBER)
        }
        const told: number[] = []
        const finished = (start: number, results: ArrayLike<unknown>): void =>
          Array.from(results).forEach((_, i) => told.push(start + i))
        block.sweep(finished)
        const lost = block.takeUnsettled(from, from + size)
        while (block.remaining > 0) workerRuns(words, 7, () => 'number')
        block.sweep(finished)
        expect(lost.length).toBeGreaterThan(0)
        expect([...told, ...lost].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i))
      }),
    )
  })
})
