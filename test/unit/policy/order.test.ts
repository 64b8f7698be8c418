import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Stage } from '../../../dist/policy/stages/stage.js'

/** Only what is looked at. */
type Part = Pick<Stage, 'kind' | 'limitMs'>

let told: string[] = []
beforeEach(() => {
  told = []
  // What has been told once is not told again: each test has modules of its own.
  vi.resetModules()
  vi.spyOn(process, 'emitWarning').mockImplementation((warning) => void told.push(String(warning)))
})
afterEach(() => vi.restoreAllMocks())

async function toldOf(...parts: Part[]): Promise<string[]> {
  const { warnAboutOrder } = await import('../../../dist/policy/stages/order.js')
  warnAboutOrder(parts as Stage[])
  return told
}

const timeout = (limitMs: number): Part => ({ kind: 'timeout', limitMs })
const retry = (limitMs: number): Part => ({ kind: 'retry', limitMs })

it.each([
  [
    'as long as the one inside',
    [timeout(100), timeout(100)],
    [/timeout of 100 ms outside a timeout of 100 ms: .*never fires/],
  ],
  ['shorter', [timeout(99), timeout(100)], [/timeout of 99 ms outside a timeout of 100 ms: .*never fires/]],
  ['longer', [timeout(101), timeout(100)], []],
  ['without end', [timeout(Infinity), timeout(Infinity)], []],
  ['shorter than one without end', [timeout(100), timeout(Infinity)], [/outside a timeout of Infinity ms/]],
  ['of a function that decides for each call', [timeout(NaN), timeout(100)], []],
  ['outside one of such a function', [timeout(100), timeout(NaN)], []],
  ['of a retry', [retry(100), timeout(100)], [/retry of 100 ms outside .*limits one attempt/]],
  ['of a longer retry', [retry(101), timeout(100)], []],
  ['of a retry without end', [retry(Infinity), timeout(100)], []],
  ['outside a retry that has one', [timeout(100), retry(1000)], []],
  ['outside what has none', [timeout(100), { kind: 'fallback' }], []],
] as [string, Part[], RegExp[]][])('a time limit %s', async (_, parts, expected) => {
  expect(await toldOf(...parts)).toEqual(expected.map((one) => expect.stringMatching(one) as string))
})

it('tells of each kind of mistake once, whichever two stages make it', async () => {
  const parts: Part[] = [{ kind: 'retry' }, { kind: 'bulkhead' }, { kind: 'retry' }, { kind: 'retry' }]
  expect(await toldOf(...parts)).toEqual([
    expect.stringMatching(/a retry is outside a retry: their attempts multiply/),
    expect.stringMatching(/a bulkhead is outside a retry: .* keeps its slot/),
  ])
})

it('goes by what policies say of their own limits', async () => {
  const { pipeline } = await import('../../../dist/policy/pipeline.js')
  const { retry } = await import('../../../dist/policy/retry/retry.js')
  const { timeout } = await import('../../../dist/policy/timeout.js')
  pipeline(retry({ maxElapsedMs: 100 }), timeout(200))
  expect(told).toEqual([expect.stringContaining('retry of 100 ms outside a timeout of 200 ms')])
  told = []
  pipeline(retry(), timeout(200))
  pipeline(timeout(200), retry({ maxElapsedMs: 100 }), timeout(50))
  expect(told).toEqual([])
})
