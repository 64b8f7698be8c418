import { modelFetch, type ModelFetchOptions } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it } from 'vitest'

const post = (body: object): RequestInit => ({ method: 'POST', body: JSON.stringify(body) })
const json = (body: object, init: ResponseInit = {}) => new Response(JSON.stringify(body), init)
const events = (...datas: (object | string)[]) =>
  datas.map((data) => `event: x\r\ndata: ${typeof data === 'string' ? data : JSON.stringify(data)}\r\n\r\n`).join('')
const gemini = (totalTokenCount: number) => ({ usageMetadata: { totalTokenCount } })

/** A stream of `text` in pieces of `size` bytes. */
const streamed = (text: string, size: number, fails = false) => {
  const bytes = new TextEncoder().encode(text)
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, (at += size)))
      else if (fails) controller.error(new Error('broken'))
      else controller.close()
    },
  })
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
}

/** 60 requests and 600 tokens a second; each call is estimated at `body.n`. */
function model(answers: (Response | Error)[], options: Partial<ModelFetchOptions> = {}) {
  const clock = new FakeClock()
  const sentAt: number[] = []
  const send = modelFetch({
    rpm: 3600,
    tpm: 36_000,
    clock,
    estimate: (body) => (body as { n: number }).n,
    fetch: () => {
      sentAt.push(clock.now())
      const answer = answers.shift() ?? json({ usage: { total_tokens: 600 } })
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer)
    },
    ...options,
  })
  const call = async (n: number, signal?: AbortSignal) => {
    const response = await send('http://model.example/', {
      ...post({ n }),
      ...(signal === undefined ? {} : { signal }),
    })
    return response.text()
  }
  return { clock, send, call, sentAt }
}

describe('modelFetch', () => {
  it('waits for requests and tokens together', async () => {
    const { clock, call, sentAt } = model([])
    const all = [call(600), call(600), call(300)]
    await clock.advance(5000)
    await Promise.all(all)
    expect(sentAt).toEqual([0, 1000, 1500])
  })

  it.each([
    ['gives back what a call did not take', { usage: { total_tokens: 100 } }, 167],
    ['owes what it took beyond', { usage: { total_tokens: 900 } }, 1500],
    ['reads the last of an array, as a stream of Gemini may be', [{ usageMetadata: {} }, gemini(100)], 167],
  ])('%s', async (_, answer, next) => {
    const { clock, call, sentAt } = model([json(answer)])
    await call(600)
    const second = call(600)
    await clock.advance(5000)
    await second
    expect(sentAt[1]).toBeCloseTo(next, -1)
  })

  it('lets an estimate above one second’s worth wait for a full bucket, and leaves a debt', async () => {
    const { clock, call, sentAt } = model([json({ usage: { total_tokens: 1800 } })])
    const all = [call(1800), call(600)]
    await clock.advance(10_000)
    await Promise.all(all)
    expect(sentAt).toEqual([0, 3000])
    const controller = new AbortController()
    await call(600)
    const aborted = call(1800, controller.signal)
    controller.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    const next = call(600)
    await clock.advance(1000)
    await next
  })

  it('sends and hands on what says that it takes more than any bucket can owe', async () => {
    for (const [n, total_tokens] of [
      [1, 1e300],
      [Number.MAX_SAFE_INTEGER, 1],
    ] as const)
      expect(await model([json({ usage: { total_tokens } })]).call(n)).toContain('usage')
  })

  it.each([
    ['OpenAI chat', events({ choices: [{}], usage: null }, { choices: [], usage: { total_tokens: 100 } }, '[DONE]')],
    [
      'OpenAI responses',
      events(
        { type: 'response.created', response: { usage: null } },
        { response: { usage: { input_tokens: 60, output_tokens: 40, total_tokens: 100 } } },
      ),
    ],
    [
      'Anthropic',
      events(
        { message: { usage: { input_tokens: 60, output_tokens: 1 } } },
        { delta: {}, usage: { output_tokens: 20 } },
        { usage: { output_tokens: 40 } },
      ),
    ],
    ['Gemini', events(gemini(60), gemini(100))],
  ])('settles a stream of %s at its end, however it is cut', async (_, text) => {
    for (const size of [1, 7, 10_000]) {
      const { clock, call, sentAt } = model([streamed(text, size)])
      expect(await call(600)).toBe(text)
      const second = call(600)
      await clock.advance(5000)
      await second
      expect(sentAt[1]).toBeCloseTo(167, -1)
    }
  })

  it('settles a stream that breaks or is cancelled by what it told, else by the estimate', async () => {
    const told = events({ message: { usage: { input_tokens: 60, output_tokens: 40 } } })
    for (const [text, ends, next] of [
      [told, 'breaks', 167],
      [told, 'cancelled', 167],
      ['', 'breaks', 1000],
    ] as const) {
      const { clock, send, call, sentAt } = model([streamed(text, 10_000, ends === 'breaks')])
      const response = await send('http://model.example/', post({ n: 600 }))
      if (ends === 'breaks') await expect(response.text()).rejects.toThrow('broken')
      else {
        const reader = response.body!.getReader()
        await reader.read()
        await reader.cancel()
      }
      const second = call(600)
      await clock.advance(5000)
      await second
      expect(sentAt[1]).toBeCloseTo(next, -1)
    }
  })

  it('hands the answer on where usage throws, settles by the estimate, and warns once', async () => {
    const warned: (Error & { code?: string })[] = []
    const hear = (warning: Error): number => warned.push(warning)
    process.on('warning', hear)
    const usage = () => {
      throw new Error('mine')
    }
    const text = events({ a: 1 }, { a: 2 })
    for (const answer of [() => streamed(text, 7), () => json({ a: 1 })]) {
      const { clock, call, sentAt } = model([answer()], { usage })
      expect(await call(600)).toBe(await answer().text())
      const second = call(600)
      await clock.advance(5000)
      await second
      expect(sentAt[1]).toBe(1000)
    }
    await new Promise(setImmediate)
    process.off('warning', hear)
    expect(warned.map(({ code }) => code)).toEqual(['AMORSIZE_HTTP_USAGE_FAILED'])
    expect(warned[0]!.message).toContain('Error: mine')
  })

  it('reads an event of many megabytes as fast as it comes', async () => {
    const text = events({ image: 'x'.repeat(16e6) }, { usage: { total_tokens: 100 } })
    const { clock, call, sentAt } = model([streamed(text, 16_384)])
    const startMs = performance.now()
    expect((await call(600)).length).toBe(text.length)
    // To look through all of it with each piece takes more than five seconds.
    expect(performance.now() - startMs).toBeLessThan(3000)
    const second = call(600)
    await clock.advance(5000)
    await second
    expect(sentAt[1]).toBeCloseTo(167, -1)
  })

  it('hands on a file of any size', async () => {
    const piece = new Uint8Array(2 ** 26)
    let left = 9
    const body = new ReadableStream<Uint8Array>(
      { pull: (controller) => (left-- > 0 ? controller.enqueue(piece) : controller.close()) },
      { highWaterMark: 0 },
    )
    const { send } = model([new Response(body, { headers: { 'content-type': 'application/octet-stream' } })])
    const response = await send('http://model.example/files/1/content')
    let bytes = 0
    for await (const chunk of response.body!) bytes += (chunk as Uint8Array).length
    // More than a string holds.
    expect(bytes).toBe(9 * 2 ** 26)
  })

  it('cancels a body that it cannot read', async () => {
    let cancelledBy: unknown
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue('no bytes'),
      cancel: (reason) => void (cancelledBy = reason),
    })
    const { send } = model([new Response(body, { headers: { 'content-type': 'text/event-stream' } })])
    const response = await send('http://model.example/', post({ n: 600 }))
    await expect(response.body!.getReader().read()).rejects.toThrow(TypeError)
    expect(cancelledBy).toBeInstanceOf(TypeError)
  })

  it('settles failed calls to nothing', async () => {
    const { call, sentAt } = model([
      new TypeError('fetch failed'),
      json({}, { status: 400 }),
      json({}, { status: 500 }),
    ])
    await expect(call(600)).rejects.toThrow('fetch failed')
    await call(600)
    await call(600)
    await call(600)
    expect(sentAt).toEqual([0, 0, 0, 0])
  })

  it('counts what was sent, whatever becomes of it', async () => {
    const controller = new AbortController()
    const given = model([], {
      fetch: () => {
        given.sentAt.push(given.clock.now())
        controller.abort(new Error('enough'))
        return given.sentAt.length === 1 ? Promise.reject(new Error('enough')) : Promise.resolve(json({}))
      },
    })
    await expect(given.call(600, controller.signal)).rejects.toThrow('enough')
    const second = given.call(600)
    await given.clock.advance(5000)
    await second
    expect(given.sentAt).toEqual([0, 1000])

    const failing = model([new TypeError('fetch failed')], { rpm: 60 })
    await expect(failing.call(1)).rejects.toThrow('fetch failed')
    const next = failing.call(1)
    await failing.clock.advance(5000)
    await next
    expect(failing.sentAt).toEqual([0, 1000])
  })

  it('pauses everybody for a 429 or 529, and for a limit that is used up', async () => {
    for (const answer of [
      ...[429, 529].map((status) => new Response('', { status, headers: { 'retry-after': '7' } })),
      new Response('{}', {
        headers: { 'anthropic-ratelimit-tokens-remaining': '0', 'anthropic-ratelimit-tokens-reset': '7' },
      }),
    ]) {
      const { clock, call, sentAt } = model([answer])
      await call(1)
      const all = [call(1), call(1)]
      await clock.advance(6999)
      expect(sentAt).toHaveLength(1)
      await clock.advance(1000)
      await Promise.all(all)
    }
  })

  it('takes no tokens for calls without a body, and estimates others by itself', async () => {
    for (const bound of [{ max_tokens: 900 }, { generationConfig: { maxOutputTokens: 900 } }]) {
      const { clock, send, sentAt } = model([], { estimate: undefined })
      for (let i = 0; i < 3; i++) await send('http://model.example/models')
      const big = post({ model: 'x', messages: ['y'.repeat(400)], ...bound })
      const all = [send('http://model.example/', big), send('http://model.example/', big)]
      await clock.advance(10_000)
      await Promise.all(all)
      expect(sentAt.slice(0, 4).every((ms) => ms < 100)).toBe(true)
      expect(sentAt[4]).toBeGreaterThan(1600)
    }
  })

  it('reads a Request of another fetch, which has a class of its own', async () => {
    const { send, call, sentAt } = model([])
    await call(600)
    const controller = new AbortController()
    const clone = () => ({ text: () => Promise.resolve(JSON.stringify({ n: 600 })) })
    const waiting = send({
      url: 'http://model.example/',
      body: {},
      signal: controller.signal,
      clone,
    } as unknown as Request)
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(sentAt).toHaveLength(1)
  })

  it('ends a wait by the call’s signal, and refuses bad options', async () => {
    const { call, send } = model([])
    await call(600)
    const controller = new AbortController()
    const waiting = send('http://model.example/', { ...post({ n: 600 }), signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    expect(() => modelFetch({ rpm: 0, tpm: 1 })).toThrow('rpm must be a finite number > 0')
    expect(() => modelFetch({})).toThrow('modelFetch must have at least one of rpm, tpm, itpm, otpm, rpd, tpd')
    expect(() => modelFetch({ rpd: 0.5 })).toThrow('rpd must be a finite number >= 1')
    expect(() => modelFetch({ rpm: 1, tpm: 1, tokens: 1 } as ModelFetchOptions)).toThrow(
      "unknown modelFetch option 'tokens'",
    )
  })
})
