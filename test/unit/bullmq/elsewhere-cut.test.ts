import { execute, task } from 'amorsize'
import { memoryTransport, overTransport, type ChunkOutcome, type OpenTransport } from 'amorsize/bullmq'
import { expect, it } from 'vitest'

const MOST = 4096
const module = `data:text/javascript,${encodeURIComponent(`
  const long = 'y'.repeat(100_000)
  export const odd = async (kind) => {
    if (kind === 'name') throw Object.assign(new RangeError('short'), { name: 'N' + long })
    if (kind === 'code') throw Object.assign(new RangeError('short'), { code: 'C' + long })
    if (kind === 'body') throw Object.assign(new RangeError('short'), { code: 'ERR_ODD', response: { body: long } })
    if (kind === 'dom') throw new DOMException('short', 'D' + long)
    const Base = Object.defineProperty(class extends TypeError {}, 'name', { value: long })
    throw new (class Odd extends Base {})('short')
  }`)}`

it('cuts whatever of an error is too large, and keeps a code that is not', async () => {
  const sizes: number[] = []
  const open: OpenTransport = async (info) => {
    const transport = await memoryTransport({ tasks: [module] })(info)
    const all = transport.results()
    transport.results = async function* (): AsyncGenerator<ChunkOutcome> {
      for await (const outcome of all) {
        if (outcome.kind === 'done') sizes.push(outcome.answer.outcomes.length)
        yield outcome
      }
    }
    return transport
  }
  const kinds = ['name', 'code', 'body', 'dom', 'class']
  const on = overTransport(open, { maxChunkBytes: MOST })
  const outcomes = await execute(task(module, 'odd'), kinds, { on, onError: 'collect' })
  const reasons = outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason as Error)
  const cut = (first: string): unknown => expect.stringMatching(new RegExp(`^${first}y{255}… \\(100001 characters\\)$`))
  expect(reasons).toMatchObject([
    { name: cut('N'), message: 'short' },
    { name: 'RangeError', message: 'short' },
    { name: 'RangeError', message: 'short', code: 'ERR_ODD' },
    { name: cut('D'), message: 'short' },
    { name: 'TypeError', message: 'short' },
  ])
  const classes = reasons.map((reason) => reason.constructor.name)
  expect(classes).toEqual(['RangeError', 'RangeError', 'RangeError', 'DOMException', 'TypeError'])
  expect(Math.max(...sizes)).toBeLessThan(kinds.length * MOST)
})
