import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bulkhead, bulkhead } from '../../../dist/index.js'
import { freshName } from '../../support/limiters.js'

type Key = string | number | bigint
interface Held {
  readonly key: Key
  readonly controller: AbortController
  isRunning: boolean
  isOver: boolean
  end: () => void
}

/** Calls by key through the given bulkheads, by turns; each runs until it is ended, or waits until it is aborted. */
function callers(bulkheads: readonly ((key: () => Key) => Bulkhead)[]) {
  const asked: { key: Key } = { key: '' }
  const policies = bulkheads.map((make) => make(() => asked.key))
  const calls: Held[] = []
  const start = (key: Key): Held => {
    const held: Held = { key, controller: new AbortController(), isRunning: false, isOver: false, end: () => undefined }
    asked.key = key
    const run = (): Promise<void> => {
      held.isRunning = true
      return new Promise((resolve) => (held.end = resolve))
    }
    const over = (): void => {
      held.isRunning = false
      held.isOver = true
    }
    policies[calls.length % policies.length]!.execute(run, { signal: held.controller.signal }).then(over, over)
    calls.push(held)
    return held
  }
  return { calls, start }
}

const places: [string, () => readonly ((key: () => Key) => Bulkhead)[]][] = [
  ['of one bulkhead', () => [(key) => bulkhead({ maxConcurrent: 2, key })]],
  [
    'of two by one name',
    () => {
      const name = freshName()
      return [1, 2].map(() => (key) => bulkhead({ maxConcurrent: 2, name, key }))
    },
  ],
]

describe.each(places)('the slots of a key, %s', (_, make) => {
  it('are as many as there are, whoever ended, gave up or came meanwhile', async () => {
    const action = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ what: fc.constant('start' as const), key: fc.constantFrom<Key>('1', 1, 1n) }),
      },
      { weight: 1, arbitrary: fc.record({ what: fc.constantFrom('end' as const, 'abort' as const), at: fc.nat(20) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 40, maxLength: 60 }), async (actions) => {
        const { calls, start } = callers(make())
        for (const each of actions) {
          const live = calls.filter(({ isOver }) => !isOver)
          if (each.what === 'start') start(each.key)
          else {
            const one = live[each.at % Math.max(1, live.length)]
            if (one?.isRunning === true && each.what === 'end') one.end()
            if (one?.isRunning === false && each.what === 'abort') one.controller.abort()
          }
          await turn()
          for (const key of ['1', 1, 1n]) {
            const ofKey = calls.filter((call) => call.key === key && !call.isOver)
            const running = ofKey.map(({ isRunning }) => isRunning)
            // First come, first served, and no more than two at once.
            expect(running).toEqual(ofKey.map((__, place) => place < 2))
          }
        }
      }),
      { numRuns: 60 },
    )
  })
})

it('are the slots of one bulkhead alone where it has no name', async () => {
  const { start } = callers([1, 2].map(() => (key) => bulkhead({ maxConcurrent: 1, key })))
  const both = [start('a'), start('a')]
  await turn()
  expect(both.map(({ isRunning }) => isRunning)).toEqual([true, true])
})

it('are not those of another key while a call runs that had to wait for one', async () => {
  const { start } = callers([(key) => bulkhead({ maxConcurrent: 1, key })])
  const first = start('a')
  const second = start('a')
  await turn()
  first.end()
  await turn()
  const other = start('b')
  await turn()
  expect([second, other].map(({ isRunning }) => isRunning)).toEqual([true, true])
})
