import { setImmediate as immediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  bulkhead,
  circuitBreaker,
  fallback,
  hedge,
  pipeline,
  type Policy,
  rateLimit,
  retry,
  timeout,
} from '../../../dist/index.js'
import { SliceQueue } from '../../../dist/execute/lanes/slice-queue.js'
import { TurnStage } from '../../../dist/execute/lanes/turn-stage.js'
import { SLICE_MS } from '../../../dist/execute/schedule/timing.js'
import { Scope } from '../../../dist/policy/stages/scope.js'
import { stagesOf } from '../../../dist/policy/stages/stages-of.js'
import { withTurns } from '../../../dist/policy/stages/with-turns.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** A stage, and a function that has an item of so many milliseconds come to it, which tells when it runs. */
function stageOf(queue: SliceQueue) {
  const ran: string[] = []
  const stage = new TurnStage(queue)
  const item = (name: string, ms = 0, scope = new Scope()): unknown =>
    stage.begin(scope, undefined).start(
      (of, fn) => fn(of),
      () => {
        vi.advanceTimersByTime(ms)
        ran.push(name)
        return name
      },
    )
  return { ran, item, stage }
}

it('an item begins at once while something of this turn is left, and takes its part of it', () => {
  const queue = new SliceQueue()
  const { item } = stageOf(queue)
  expect(item('first', SLICE_MS - 1)).toBe('first')
  expect(queue.leftMs).toBe(1)
  expect(item('second', 1)).toBe('second')
  expect(queue.leftMs).toBe(0)
})

it('within a slice it begins at once, whatever is left: who runs the slice looks at the time', () => {
  const queue = new SliceQueue()
  const { item } = stageOf(queue)
  queue.took(SLICE_MS)
  expect(queue.now(() => item('first', SLICE_MS))).toBe('first')
  expect(queue.now(() => item('second'))).toBe('second')
})

it('when nothing is left it waits, in the order in which the items came, and a slice runs as many as fit', async () => {
  const queue = new SliceQueue()
  const { ran, item } = stageOf(queue)
  queue.took(SLICE_MS)
  const results = ['a', 'b', 'c', 'd', 'e'].map((name) => item(name, SLICE_MS / 2))
  expect(ran).toEqual([])
  const turns: string[][] = []
  for (let turn = 0; turn < 4; turn++) {
    await immediate()
    turns.push(ran.splice(0))
  }
  // The first turn was put off by what had been taken before it.
  expect(turns).toEqual([[], ['a', 'b'], ['c', 'd'], ['e']])
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd', 'e'])
})

it('short items behind others all have the same slice', async () => {
  const queue = new SliceQueue()
  const { ran, item } = stageOf(queue)
  queue.took(SLICE_MS)
  for (const name of ['a', 'b', 'c']) item(name)
  await immediate()
  await immediate()
  expect(ran).toEqual(['a', 'b', 'c'])
})

it('one that comes later waits behind those that wait, though something of its turn is left', async () => {
  const queue = new SliceQueue()
  const { ran, item } = stageOf(queue)
  queue.took(SLICE_MS)
  item('a')
  await immediate()
  expect([queue.leftMs, ran]).toEqual([SLICE_MS, []])
  item('b')
  expect(ran).toEqual([])
  await immediate()
  expect(ran).toEqual(['a', 'b'])
})

it('an item whose call was aborted meanwhile does not begin', async () => {
  const queue = new SliceQueue()
  const { ran, item } = stageOf(queue)
  const controller = new AbortController()
  const scope = new Scope(undefined, controller.signal)
  queue.took(SLICE_MS)
  const waiting = item('a', 0, scope)
  const others = item('b')
  const reason = new Error('enough')
  controller.abort(reason)
  await expect(waiting).rejects.toBe(reason)
  expect(await others).toBe('b')
  expect(ran).toEqual(['b'])
  expect(() => item('c', 0, scope)).toThrow(reason)
})

it('what an item throws comes through, at once or later', async () => {
  const queue = new SliceQueue()
  const { stage, item } = stageOf(queue)
  const thrown = new Error('odd')
  const start = (): unknown =>
    stage.begin(new Scope(), undefined).start(
      (of, fn) => fn(of),
      () => {
        throw thrown
      },
    )
  expect(start).toThrow(thrown)
  queue.took(SLICE_MS)
  const later = start()
  const others = item('b')
  await expect(later).rejects.toBe(thrown)
  expect(await others).toBe('b')
})

const stage = stageOf(new SliceQueue()).stage

it.each<[string, Policy, string[]]>([
  [
    'behind the last that waits',
    pipeline(retry(), bulkhead(), hedge({ afterMs: 5 }), timeout(5)),
    ['retry', 'bulkhead', 'turn', 'hedge', 'timeout'],
  ],
  ['last of all', rateLimit({ requestsPerSecond: 5 }), ['rate-limit', 'turn']],
  [
    'also behind a policy of somebody else',
    { execute: (fn) => fn({} as never), wrap: (fn) => fn } as Policy,
    ['foreign', 'turn'],
  ],
])('the stage stands %s', (_, policy, kinds) => {
  const guarded = withTurns(policy, () => stage)
  expect(stagesOf('policy', guarded).map(({ kind }) => kind)).toEqual(kinds)
  expect((guarded as { kind?: string }).kind).toBe((policy as { kind?: string }).kind ?? 'policy')
})

it.each([timeout(5), circuitBreaker(), fallback(null), hedge({ afterMs: 5 }), pipeline(fallback(null), timeout(5))])(
  'there is none where nothing waits: %o',
  (policy) => {
    expect(withTurns(policy, () => stage)).toBe(policy)
  },
)
