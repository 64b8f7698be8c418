// Items out of other programs' streams: lines of a file, events of an emitter, pages of a server, an observable. Each ends its own run
// while it gives items, and must be closed by then, whatever the task is doing.
import { EventEmitter, on, once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import axios from 'axios'
import { execute, retry, stream } from 'amorsize'
import { interval, take } from 'rxjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'amorsize-field-'))
const file = join(folder, 'lines.txt')
const uncaught = []
const noteUncaught = (error) => uncaught.push(error)

beforeAll(() => {
  writeFileSync(file, Array.from({ length: 50_000 }, (_, i) => `line ${i}\n`).join(''))
  process.on('uncaughtException', noteUncaught)
  process.on('unhandledRejection', noteUncaught)
})
afterAll(() => {
  process.off('uncaughtException', noteUncaught)
  process.off('unhandledRejection', noteUncaught)
  rmSync(folder, { recursive: true, force: true })
  expect(uncaught).toEqual([])
})

/** Tasks that run at once, and tasks that wait. */
const tasks = { 'at once': (text) => String(text).length, later: async (text) => (await sleep(1), String(text).length) }

describe.each(Object.entries(tasks))('a source that ends its own run, with items that settle %s', (_, task) => {
  it.each([execute, collected])('lines of a file: %o', async (run) => {
    const input = createReadStream(file)
    const controller = new AbortController()
    async function* lines() {
      let count = 0
      try {
        for await (const line of createInterface({ input })) {
          if (++count === 300) controller.abort(new Error('enough lines'))
          yield line
        }
      } finally {
        input.destroy()
      }
    }
    await expect(run(task, lines(), { signal: controller.signal })).rejects.toThrow('enough lines')
    if (!input.closed) await once(input, 'close')
    expect(input.bytesRead).toBeLessThan(statSync(file).size)
  })

  it.each([execute, collected])('events of an emitter: %o', async (run) => {
    const emitter = new EventEmitter()
    const controller = new AbortController()
    const events = on(emitter, 'item', { signal: controller.signal })
    const outcome = run(task, events, { signal: controller.signal })
    outcome.catch(() => undefined)
    for (let i = 0; i < 20; i++) emitter.emit('item', i)
    emitter.once('item', () => controller.abort(new Error('enough events')))
    await sleep(5)
    emitter.emit('item', 20)
    await expect(outcome).rejects.toThrow('enough events')
    expect(emitter.listenerCount('item')).toBe(0)
  })

  it('pages of a server, asked for one after the other', async () => {
    let openNow = 0
    const server = createServer((request, response) => {
      openNow++
      response.on('close', () => openNow--)
      const page = Number(new URL(request.url, 'http://localhost').searchParams.get('page'))
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ items: [page, page + 0.5], next: page + 1 }))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const controller = new AbortController()
    let asked = 0
    async function* pages() {
      for (let page = 0; ;) {
        asked++
        if (page === 5) controller.abort(new Error('enough pages'))
        const { data } = await axios.get(`http://127.0.0.1:${server.address().port}/?page=${page}`, {
          signal: controller.signal,
        })
        yield* data.items
        page = data.next
      }
    }
    try {
      await expect(execute(task, pages(), { signal: controller.signal })).rejects.toThrow('enough pages')
      expect(asked).toBe(6)
      expect(openNow).toBe(0)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('an observable', async () => {
    const controller = new AbortController()
    const emitter = new EventEmitter()
    let isOver = false
    const subscription = interval(1)
      .pipe(take(1000))
      .subscribe({ next: (n) => emitter.emit('item', n), complete: () => (isOver = true) })
    subscription.add(() => (isOver = true))
    async function* items() {
      try {
        for await (const [n] of on(emitter, 'item')) {
          if (n === 10) controller.abort(new Error('enough values'))
          yield n
        }
      } finally {
        subscription.unsubscribe()
      }
    }
    await expect(execute(task, items(), { signal: controller.signal })).rejects.toThrow('enough values')
    await sleep(5)
    expect(isOver).toBe(true)
  })
})

/** As `execute`, by `stream`. */
async function collected(task, items, options) {
  const results = []
  for await (const result of stream(task, items, options)) results.push(result)
  return results
}

describe('predicates that ask another program', () => {
  it.each([
    ['retried', true, 2],
    ['not retried', false, 1],
  ])('a request whose server says it is well is %s', async (_, isWell, expected) => {
    let asked = 0
    const server = createServer((request, response) => {
      if (request.url === '/health') {
        response.statusCode = isWell ? 200 : 503
        response.end()
        return
      }
      response.statusCode = ++asked === 1 ? 500 : 200
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const origin = `http://127.0.0.1:${server.address().port}`
    const guarded = retry({
      maxRetries: 3,
      initialDelayMs: 1,
      retryIf: async (error) => axios.isAxiosError(error) && (await fetch(`${origin}/health`)).ok,
    })
    try {
      const outcome = await guarded
        .execute(() => axios.get(origin))
        .then(
          ({ status }) => status,
          (error) => error.response.status,
        )
      expect([asked, outcome]).toEqual([expected, isWell ? 200 : 500])
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
