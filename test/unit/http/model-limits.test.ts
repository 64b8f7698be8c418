import { modelFetch, type ModelFetchOptions } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'

const DAY_MS = 86_400_000
const usage = (input: number, output: number) => ({ usage: { input_tokens: input, output_tokens: output } })
const stream = (...datas: object[]) =>
  new Response(datas.map((data) => `data: ${JSON.stringify(data)}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  })

/** A client whose calls say their model and what is estimated; `at` is when each was sent. */
function model(options: ModelFetchOptions, answer: (n: number) => Response = () => new Response(JSON.stringify({}))) {
  const clock = new FakeClock()
  const at: number[] = []
  const send = modelFetch({
    clock,
    estimate: (body) => body as never,
    fetch: () => Promise.resolve(answer(at.push(clock.now()))),
    ...options,
  })
  const call = async (body: object, signal: AbortSignal | null = null) => {
    const response = await send('http://model.example/', { method: 'POST', body: JSON.stringify(body), signal })
    return response.text()
  }
  return { clock, at, call, send }
}
const tokens = { input: 0, output: 0 }

describe('modelFetch', () => {
  it('limits each model by itself, by `per`, and pauses it alone', async () => {
    const answer = (n: number) => new Response('{}', n === 1 ? { status: 529, headers: { 'retry-after': '5' } } : {})
    const { clock, at, call } = model({ per: (body: { model: string }) => body.model, rpm: 60 }, answer)
    await call({ model: 'a', ...tokens })
    const all = ['a', 'a', 'b', 'b'].map((name) => call({ model: name, ...tokens }))
    await clock.advance(20_000)
    await Promise.all(all)
    expect(at).toEqual([0, 0, 1000, 6000, 7000])
  })

  it('limits the tokens of requests and of answers apart, and settles them so', async () => {
    const { clock, at, call } = model(
      { itpm: 6000, otpm: 60_000 },
      () => new Response(JSON.stringify(usage(100, 2000))),
    )
    await call({ input: 50, output: 1000 })
    // 50 of requests and 1,000 of answers are owed.
    const next = [call({ input: 50, output: 0 }), call({ input: 0, output: 1000 })]
    await clock.advance(20_000)
    await Promise.all(next)
    expect(at[0]).toBe(0)
    expect(at[1]).toBeCloseTo(500, -1)
    expect(at[2]).toBeGreaterThanOrEqual(2000)
  })

  it.each([
    ['requests', { rpd: 3 }, tokens],
    ['tokens', { tpd: 3_000_010_000 }, { input: 5e8, output: 5e8 }],
  ])('lets the %s of a day go at once, and no more until it is over', async (_, rates, cost) => {
    const { clock, at, call } = model(
      { ...rates, per: (body: { model?: string }) => body.model },
      () => new Response(JSON.stringify(usage(cost.input, cost.output))),
    )
    for (let n = 0; n < 3; n++) await call(cost)
    const waiting = call(cost)
    const controller = new AbortController()
    const gone = call(cost, controller.signal)
    await clock.advance(DAY_MS - 10_000)
    expect(at).toHaveLength(3)
    controller.abort(new Error('enough'))
    await expect(gone).rejects.toThrow('enough')
    await call({ model: 'other', ...cost })
    await clock.advance(20_000)
    await waiting
    expect(at).toHaveLength(5)
  })

  it('gives a day back what a call did not take, or failed to', async () => {
    const { at, call } = model({ tpd: 1000 }, (n) =>
      n === 1 ? new Response('', { status: 500 }) : new Response(JSON.stringify(usage(50, 50))),
    )
    for (let n = 0; n < 8; n++) await call({ input: 300, output: 0 })
    expect(at).toHaveLength(8)
  })

  it.each([
    ['chats of OpenAI', { choices: [{ index: 0, delta: { role: 'assistant', content: 'x'.repeat(200) } }] }],
    [
      'tools of OpenAI',
      {
        choices: [
          { delta: { tool_calls: [{ id: 'call', type: 'function', function: { arguments: 'x'.repeat(200) } }] } },
        ],
      },
    ],
    ['responses of OpenAI', { type: 'response.output_text.delta', delta: 'x'.repeat(200) }],
    ['Anthropic', { type: 'content_block_delta', delta: { type: 'text_delta', text: 'x'.repeat(200) } }],
    ['Gemini', { candidates: [{ content: { role: 'model', parts: [{ text: 'x'.repeat(200) }] } }] }],
  ])('counts a stream without usage by its deltas: %s', async (_, event) => {
    // 60 tokens a second; 1,000 were estimated, and 100 are in the deltas.
    const { clock, at, call } = model({ otpm: 3600 }, () => stream(event, event))
    await call({ input: 0, output: 1000 })
    const next = call({ input: 0, output: 60 })
    await clock.advance(60_000)
    await next
    expect(at[1]).toBeCloseTo(1667, -2)
  })

  it('believes usage before the deltas, the deltas of a stream that ended alone, and bears any', async () => {
    const event = { choices: [{ delta: { content: 'x'.repeat(4000) } }] }
    let deep: unknown = 'x'
    for (let n = 0; n < 500; n++) deep = [deep]
    for (const [events, next] of [
      [[event, usage(0, 60)], 1000],
      [[{ choices: [{ delta: deep }, null], delta: null, candidates: {} }], 1000],
    ] as const) {
      const { clock, at, call } = model({ otpm: 3600 }, () => stream(...events))
      await call({ input: 0, output: 60 })
      const after = call({ input: 0, output: 60 })
      await clock.advance(60_000)
      await after
      expect(at[1]).toBe(next)
    }
    const { clock, at, send } = model({ otpm: 3600 }, () => stream(event))
    const first = await send('http://model.example/', { method: 'POST', body: '{"input":0,"output":120}' })
    await first.body?.cancel()
    const second = send('http://model.example/', { method: 'POST', body: '{"input":0,"output":60}' })
    await clock.advance(60_000)
    await second
    expect(at[1]).toBeCloseTo(2000, -1)
  })

  it('settles by two numbers of `usage`', async () => {
    const { clock, at, call } = model(
      { itpm: 600, otpm: 6000, usage: () => ({ input: 10, output: 300 }) },
      () => new Response('{"a":1}'),
    )
    await call({ input: 10, output: 100 })
    const next = call({ input: 0, output: 100 })
    await clock.advance(20_000)
    await next
    expect(at[1]).toBeCloseTo(3000, -1)
  })

  it('refuses what is no model, and no estimate', async () => {
    await expect(model({ rpm: 1, per: () => 5 as never }).call(tokens)).rejects.toThrow(
      'per must return a string; it returned 5',
    )
    await expect(model({ rpm: 1 }).call({ input: -1, output: 0 })).rejects.toThrow('estimate.input must be')
  })
})
