import { bulkhead, pipeline, type Policy } from 'amorsize'
import { expect, it } from 'vitest'
import { Hold } from '../../../dist/policy/stages/hold.js'

it('is released once: when the call has left it, and all that it kept it for has ended', () => {
  let released = 0
  const outer = new Hold(undefined, () => released++)
  const hold = new Hold(outer, () => (released += 10))
  Hold.keep(hold)
  hold.leave()
  expect(released).toBe(0)
  Hold.drop(hold)
  expect(released).toBe(10)
  outer.leave()
  expect(released).toBe(11)
  // What begins now holds nothing, and gives nothing back.
  Hold.keep(hold)
  Hold.drop(hold)
  expect(released).toBe(11)
})

it('a policy that calls its function after its end gives nobody else’s slot back', async () => {
  const slots = bulkhead({ maxConcurrent: 1 })
  const late: Policy & { last: Promise<unknown> | undefined } = {
    last: undefined,
    execute(fn) {
      this.last = new Promise(setImmediate).then(() => fn({ signal: new AbortController().signal }))
      return Promise.resolve('early' as never)
    },
    wrap: (fn) => fn as never,
  }
  expect(await pipeline(slots, late).execute(() => 'late')).toBe('early')
  await late.last
  let running = 0
  let most = 0
  const call = async (): Promise<string> => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    return 'fine'
  }
  const calls = [call, call, call].map((each) => slots.execute(each))
  expect(await Promise.all(calls)).toEqual(['fine', 'fine', 'fine'])
  expect([most, slots.available]).toEqual([1, 1])
})
