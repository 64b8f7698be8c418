import { modelFetch } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'
import { EventReader, KnownUsage } from '../../../dist/http/client/model-usage.js'

/** 600 tokens per second; a call is estimated at its body, and takes that. */
function model() {
  const clock = new FakeClock()
  const sentAt: number[] = []
  const send = modelFetch({
    rpm: 3600,
    tpm: 36_000,
    clock,
    estimate: Number,
    usage: Number,
    fetch: (_, init) => {
      sentAt.push(clock.now())
      return Promise.resolve(new Response(init?.body as string))
    },
  })
  const call = async (tokens: number, signal: AbortSignal | null = null): Promise<void> => {
    const answer = await send('http://model.example/', { method: 'POST', body: String(tokens), signal })
    await answer.text()
  }
  return { clock, call, sentAt }
}

describe('calls whose estimate is above one second’s worth', () => {
  it('that come together go one after the other, at the rate', async () => {
    const { clock, call, sentAt } = model()
    const all = Array.from({ length: 4 }, () => call(1800))
    const controller = new AbortController()
    const aborted = call(1800, controller.signal)
    const last = call(600)
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    await clock.advance(20_000)
    await Promise.all([...all, last])
    expect(sentAt).toEqual([0, 3000, 6000, 9000, 12_000])
  })

  it('that come one after the other do not wait for what they will owe', async () => {
    const { clock, call, sentAt } = model()
    const series = (async () => {
      for (let i = 0; i < 4; i++) await call(1800)
    })()
    await clock.advance(20_000)
    await series
    expect(sentAt).toEqual([0, 3000, 6000, 9000])
  })

  it('are no reason for others to go before who came first, whether or not these may be aborted', async () => {
    const { clock, call, sentAt } = model()
    const order: number[] = []
    const sizes = [1800, 600, 1800, 1200, 600]
    const all = sizes.map(async (tokens, n) => {
      await call(tokens, n % 2 === 1 ? new AbortController().signal : null)
      order.push(n)
    })
    await clock.advance(20_000)
    await Promise.all(all)
    expect(order).toEqual([0, 1, 2, 3, 4])
    expect(sentAt).toEqual([0, 3000, 4000, 7000, 9000])
  })
})

it('an answer of any number of tokens holds later calls up for an hour at most', async () => {
  for (const text of ['{"usage":{"total_tokens":1e300}}', '{"usage":{"total_tokens":1e9}}']) {
    const clock = new FakeClock()
    const sentAt: number[] = []
    const send = modelFetch({
      rpm: 3600,
      tpm: 60,
      clock,
      estimate: () => 1,
      fetch: () => {
        sentAt.push(clock.now())
        return Promise.resolve(new Response(text, { headers: { 'content-type': 'application/json' } }))
      },
    })
    const call = async () => (await send('http://model.example/', { method: 'POST', body: '{}' })).text()
    await call()
    const next = call()
    await clock.advance(3_602_000)
    await next
    expect(sentAt[1]).toBeGreaterThan(3_590_000)
  }
})

it('a line without an end is the caller’s, however long, and nothing of it is kept', () => {
  const usage = new KnownUsage(undefined, { input: 0, output: 0 })
  const reader = new EventReader(usage)
  const chunk = Buffer.alloc(2 ** 20, 'a')
  reader.push(Buffer.from('data: {'))
  for (let i = 0; i < 600; i++) reader.push(chunk)
  reader.push(Buffer.from('\ndata: {"usage":{"total_tokens":7}}\n\n'))
  expect(usage.tokens(true)).toEqual({ input: 0, output: 7 })
})
