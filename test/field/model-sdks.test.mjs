import { once } from 'node:events'
import { createServer } from 'node:http'
import Anthropic from '@anthropic-ai/sdk'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, streamText } from 'ai'
import { modelFetch, policyFetch } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, input_tokens: 10, output_tokens: 5 }
const messages = [{ role: 'user', content: 'hi' }]
const ofOpenAI = (part) => ({ id: 'c', object: 'chat.completion', created: 1, model: 'm', usage, ...part })
const ofGoogle = (text) => ({
  candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }],
  usageMetadata: { promptTokenCount: 900, candidatesTokenCount: 600, totalTokenCount: 1500 },
})
const ofAnthropic = (content) => ({ id: 'm', type: 'message', role: 'assistant', model: 'm', content, usage })

/** What each path answers: whole, and as events of a stream. */
const answers = {
  '/v1/chat/completions': {
    whole: ofOpenAI({
      choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    }),
    events: [...'hello']
      .map((content) =>
        ofOpenAI({ usage: null, choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }] }),
      )
      .concat(ofOpenAI({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })),
  },
  '/v1/messages': {
    whole: { ...ofAnthropic([{ type: 'text', text: 'hello' }]), stop_reason: 'end_turn' },
    events: [
      { type: 'message_start', message: ofAnthropic([]) },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      ...[...'hello'].map((text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })),
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage },
      { type: 'message_stop' },
    ],
  },
  '/v1beta/models/m:generateContent': { whole: ofGoogle('hello') },
  '/v1beta/models/m:streamGenerateContent?alt=sse': { events: [...'hello'].map(ofGoogle) },
}

/** What the server has seen: a status for each request, 'gone' where its client went before the end. */
let seen = []
/** The statuses it answers first. */
let refusals = []
/** Whether a stream stays open after its third event. */
let hangs = false

const server = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const number = seen.push(null) - 1
  response.on('close', () => (seen[number] = response.writableFinished ? response.statusCode : 'gone'))
  if (refusals.length > 0) {
    response.writeHead(refusals.shift(), { 'content-type': 'application/json', 'retry-after-ms': '20' })
    response.end('{"error":{"message":"busy"}}')
    return
  }
  const { whole, events } = answers[request.url]
  if (whole !== undefined && JSON.parse(text).stream !== true) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(whole))
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of hangs ? events.slice(0, 4) : events)
    response.write(`${event.type ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`)
  if (!hangs) response.end(request.url === '/v1/chat/completions' ? 'data: [DONE]\n\n' : undefined)
})

let origin
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  seen = []
  refusals = []
  hangs = false
})

const fetches = {
  modelFetch: () => modelFetch({ rpm: 60_000, tpm: 6_000_000 }),
  policyFetch: () => policyFetch({ limit: { requestsPerSecond: 1000 }, bulkhead: { maxConcurrent: 2 }, breaker: {} }),
}

describe.each(Object.entries(fetches))('the SDKs of model APIs over %s', (_, make) => {
  const clients = (maxRetries = 0) => {
    const fetch = make()
    return {
      openai: new OpenAI({ apiKey: 'k', baseURL: `${origin}/v1`, fetch, maxRetries }),
      anthropic: new Anthropic({ apiKey: 'k', baseURL: origin, fetch, maxRetries }),
      model: createOpenAI({ apiKey: 'k', baseURL: `${origin}/v1`, fetch }).chat('m'),
      google: createGoogleGenerativeAI({ apiKey: 'k', baseURL: `${origin}/v1beta`, fetch })('m'),
    }
  }

  it('answer whole and in streams, each as often as there are places', async () => {
    const { openai, anthropic, model, google } = clients()
    for (let round = 0; round < 3; round++) {
      const whole = await openai.chat.completions.create({ model: 'm', messages })
      expect(whole.choices[0].message.content).toBe('hello')
      expect(await openai.chat.completions.stream({ model: 'm', messages }).finalContent()).toBe('hello')
      const message = await anthropic.messages.create({ model: 'm', max_tokens: 9, messages })
      expect(message.content[0].text).toBe('hello')
      expect(await anthropic.messages.stream({ model: 'm', max_tokens: 9, messages }).finalText()).toBe('hello')
      for (const each of [model, google]) {
        expect((await generateText({ model: each, prompt: 'hi' })).text).toBe('hello')
        expect(await streamText({ model: each, prompt: 'hi' }).text).toBe('hello')
      }
    }
  })

  it('end the request where a stream is left, or aborted, and free its place', async () => {
    const { openai, anthropic, model } = clients()
    hangs = true
    for (let round = 0; round < 3; round++) {
      for await (const chunk of await openai.chat.completions.create({ model: 'm', messages, stream: true }))
        if (chunk.choices[0].delta.content === 'l') break
      for await (const event of await anthropic.messages.create({ model: 'm', max_tokens: 9, messages, stream: true }))
        if (event.type === 'content_block_delta') break
      const caller = new AbortController()
      const { textStream } = streamText({ model, prompt: 'hi', abortSignal: caller.signal, onError() {} })
      for await (const text of textStream) if (text === 'h') caller.abort()
    }
    await expect.poll(() => seen, { timeout: 20_000 }).toEqual(Array(9).fill('gone'))
  })

  it('try again by themselves what is refused, after the pause that it asks for', async () => {
    const { openai, anthropic, model } = clients(2)
    for (const call of [
      () => openai.chat.completions.create({ model: 'm', messages }),
      () => anthropic.messages.create({ model: 'm', max_tokens: 9, messages }),
      () => generateText({ model, prompt: 'hi', maxRetries: 2 }),
    ]) {
      seen = []
      refusals = [429, 503]
      await call()
      await expect.poll(() => seen, { timeout: 20_000 }).toEqual([429, 503, 200])
    }
  })
})

it.each([
  ['whole', async (model) => (await generateText({ model, prompt: 'hi' })).text],
  ['stream', (model) => streamText({ model, prompt: 'hi' }).text],
])('a call of Gemini counts by what its %s answer tells', async (_, call) => {
  const clock = new FakeClock()
  const sentAt = []
  let hasAsked
  const send = modelFetch({
    rpm: 60_000,
    tpm: 60_000,
    estimate: () => 500,
    clock,
    fetch: (...request) => {
      sentAt.push(clock.now())
      return fetch(...request)
    },
  })
  const asking = (...request) => {
    hasAsked?.()
    return send(...request)
  }
  const google = createGoogleGenerativeAI({ apiKey: 'k', baseURL: `${origin}/v1beta`, fetch: asking })('m')
  await call(google)
  // It owes 500 of the 1,000 that were there, and the next takes 500.
  const asked = new Promise((resolve) => (hasAsked = resolve))
  const next = call(google)
  await asked
  await clock.advance(5000)
  await next
  expect(sentAt[1] - sentAt[0]).toBe(1000)
})
