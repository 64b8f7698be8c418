// The SDKs of OpenAI and Anthropic make 50 streamed calls to two models in each of four processes. The server refuses calls beyond each
// model's requests and tokens per minute. They use plain fetch, then modelFetch, which the processes of a machine share, then limits that
// the processes of all machines share over Redis (left out without redis-server). npm install openai @anthropic-ai/sdk ioredis
import { execFileSync, spawn } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { modelFetch } from 'amorsize/http'
import { RedisRateLimiter } from 'amorsize/redis'
import { Redis } from 'ioredis'
import OpenAI from 'openai'

const PROCESSES = 4
const CALLS = 50
const MODELS = ['small', 'large']
const rpm = 600
const tpm = 120_000
const MOST_ANSWER_TOKENS = 400
const { EXAMPLE_NAME = `model-sdk-${process.pid}` } = process.env

if (cluster.isPrimary) await lead()
else await work()

async function work() {
  const { EXAMPLE_PORT, EXAMPLE_WAY, EXAMPLE_SEED, EXAMPLE_REDIS } = process.env
  const limited = () => modelFetch({ per: (body) => body.model, rpm, tpm, name: EXAMPLE_NAME, scope: 'machine' })
  const common = { apiKey: 'none', maxRetries: 0, fetch: EXAMPLE_WAY === 'modelFetch' ? limited() : fetch }
  const openai = new OpenAI({ ...common, baseURL: `http://127.0.0.1:${EXAMPLE_PORT}/v1` })
  const anthropic = new Anthropic({ ...common, baseURL: `http://127.0.0.1:${EXAMPLE_PORT}` })
  const limits = EXAMPLE_WAY === 'Redis' ? limitsOver(new Redis(EXAMPLE_REDIS)) : undefined
  const calls = Array.from({ length: CALLS }, async (_, n) => {
    const question = `Tell me about ${Number(EXAMPLE_SEED) * CALLS + n}. `.repeat(5 + (n % 20))
    const messages = [{ role: 'user', content: question }]
    const model = MODELS[Math.floor(n / 2) % MODELS.length]
    const request = { model, messages, max_tokens: MOST_ANSWER_TOKENS, stream: true }
    const estimate = Math.ceil(question.length / 4) + MOST_ANSWER_TOKENS
    const permit = await limits?.[model].acquire({ requests: 1, tokens: estimate })
    let tokens = 0
    try {
      if (n % 2 === 0) {
        const options = { ...request, stream_options: { include_usage: true } }
        for await (const { usage } of await openai.chat.completions.create(options))
          tokens = usage?.total_tokens ?? tokens
      } else {
        for await (const { message, usage } of await anthropic.messages.create(request))
          tokens += (message?.usage.input_tokens ?? 0) + (usage?.output_tokens ?? 0)
      }
    } finally {
      await permit?.settle({ tokens })
    }
  })
  const ended = await Promise.allSettled(calls)
  const failed = ended.filter(({ reason }) => reason !== undefined && reason.status !== 429)
  for (const { reason } of failed.slice(0, 1)) console.error(reason)
  process.send({ failed: failed.length }, () => process.exit())
}

/** By model: requests and tokens, together. A second's worth may come at once, as with modelFetch. */
function limitsOver(client) {
  const limit = (name, perMinute) =>
    new RedisRateLimiter(client, {
      name,
      requestsPerSecond: perMinute / 60,
      burstSize: perMinute / 60,
      timeoutMs: 1000,
    })
  return Object.fromEntries(
    MODELS.map((model) => {
      const requests = limit(`${model}/requests`, rpm)
      const tokens = limit(`${model}/tokens`, tpm)
      return [model, RedisRateLimiter.all({ requests, tokens })]
    }),
  )
}

async function lead() {
  const redis = await startRedis()
  for (const way of ['fetch', 'modelFetch', ...(redis === null ? [] : ['Redis'])]) {
    const model = await startModel()
    const env = { EXAMPLE_PORT: model.port, EXAMPLE_WAY: way, EXAMPLE_NAME, EXAMPLE_REDIS: redis?.path ?? '' }
    const told = await Promise.all(
      Array.from({ length: PROCESSES }, (_, n) => {
        const worker = cluster.fork({ ...env, EXAMPLE_SEED: n })
        return new Promise((resolve, reject) => {
          worker.once('message', resolve)
          worker.once('exit', (code) => reject(new Error(`a process ended with ${code}`)))
        })
      }),
    )
    const { served, refused, shares } = model.close()
    const rate =
      way === 'fetch'
        ? ''
        : `, at ${shares.map((share) => (share * 100).toFixed(1)).join(' and ')} % of the token rates`
    console.log(`${way}: ${served} of ${PROCESSES * CALLS} calls served, ${refused} answered with 429${rate}`)
    const isExact = refused === 0 && served === PROCESSES * CALLS
    if (told.some(({ failed }) => failed > 0) || (way !== 'fetch' && !isExact)) process.exitCode = 1
  }
  while (Object.keys(cluster.workers).length > 0) await sleep(10)
  redis?.server.kill()
  removeNames(EXAMPLE_NAME)
}

/** A separate server that nobody else can reach; null without redis-server. */
async function startRedis() {
  const path = join(tmpdir(), `${EXAMPLE_NAME}.sock`)
  const server = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--save', ''], { stdio: 'ignore' })
  const lacks = new Promise((resolve) => server.once('error', () => resolve(true)))
  for (;;) {
    const socket = connect(path)
    const answer = await Promise.race([lacks, once(socket, 'connect').catch(() => sleep(20, 'again'))])
    socket.destroy()
    if (answer === true) return null
    if (answer !== 'again') return { server, path }
  }
}

/** A name of the machine outlives its processes; those of this example are not needed any more. */
function removeNames(text) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', '--unused', '--filter', text])
}

/** Plays the API: two buckets that hold two seconds' worth, and answers that stream. */
async function startModel() {
  const models = new Map(
    MODELS.map((model) => [model, { limits: [rpm, tpm].map((perMinute) => bucket(perMinute / 60)), admitted: [] }]),
  )
  let refused = 0
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const part of request.setEncoding('utf8')) text += part
    const { model, messages } = JSON.parse(text)
    const { limits, admitted } = models.get(model)
    const input = Math.ceil(messages[0].content.length / 4)
    const output = 50 + ((input * 37) % (MOST_ANSWER_TOKENS - 50))
    const costs = [1, input + output]
    for (const limit of limits) limit.fill()
    if (limits.some(({ left }, n) => left < costs[n])) {
      refused++
      response.writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { message: 'rate limit reached', type: 'rate_limit_error' } }))
      return
    }
    limits.forEach((limit, n) => (limit.left -= costs[n]))
    admitted.push({ tokens: input + output, atMs: performance.now() })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const events = request.url.endsWith('/messages') ? anthropicEvents(input, output) : openaiEvents(input, output)
    for (const event of events) {
      response.write(event)
      await new Promise((resolve) => setTimeout(resolve, 15))
    }
    response.end()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const close = () => {
    server.close()
    server.closeAllConnections()
    const all = [...models.values()].map(({ admitted }) => admitted)
    return { served: all.flat().length, refused, shares: all.map(shareOf) }
  }
  return { port: server.address().port, close }
}

function bucket(perSecond) {
  let beforeMs = performance.now()
  return {
    left: 2 * perSecond,
    fill() {
      const nowMs = performance.now()
      this.left = Math.min(2 * perSecond, this.left + ((nowMs - beforeMs) / 1000) * perSecond)
      beforeMs = nowMs
    },
  }
}

/** A bucket's second worth of calls came at once, the rest at the rate, until the last call was admitted. */
function shareOf(admitted) {
  const tokens = admitted.reduce((sum, each) => sum + each.tokens, 0)
  const seconds = (admitted.at(-1).atMs - admitted[0].atMs) / 1000
  return (tokens - tpm / 60) / ((tpm / 60) * seconds)
}

function openaiEvents(input, output) {
  const chunk = (more) => ({ id: 'a', object: 'chat.completion.chunk', created: 0, model: 'example', ...more })
  const part = (content) => chunk({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
  const events = [part('Well, '), part('it is'), part(' so.'), chunk({ choices: [], usage })]
  return [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), 'data: [DONE]\n\n']
}

function anthropicEvents(input, output) {
  const usage = { input_tokens: input, output_tokens: 1 }
  const message = {
    id: 'a',
    type: 'message',
    role: 'assistant',
    content: [],
    model: 'example',
    stop_reason: null,
    usage,
  }
  const part = (text) => ({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })
  return [
    { type: 'message_start', message },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    part('Well, it is so.'),
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: output } },
    { type: 'message_stop' },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
}
