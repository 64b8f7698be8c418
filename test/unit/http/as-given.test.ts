import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Stream } from 'node:stream'
import { modelFetch, policyFetch } from 'amorsize/http'
import { FakeClock } from 'amorsize/testing'
import { describe, expect, it, vi } from 'vitest'

type Sent = [input: string | URL | Request, init?: RequestInit]

/** A fetch that tells what it has sent. */
function telling() {
  const sent: string[] = []
  const fetch = async (...given: Sent): Promise<Response> => {
    const request = new Request(...given)
    const body = await request.text()
    sent.push([request.method, request.url, request.headers.get('n'), body.replace(/-{4}\S+/g, '')].join(' '))
    return new Response('')
  }
  return { sent, fetch }
}

const limit = { requestsPerSecond: 1, burstSize: 1 }
const makers = {
  policyFetch: (clock: FakeClock, fetch: typeof globalThis.fetch) => policyFetch({ clock, fetch, limit }),
  modelFetch: (clock: FakeClock, fetch: typeof globalThis.fetch) => modelFetch({ clock, fetch, rpm: 60, tpm: 6e6 }),
}

class OwnHeaders extends Headers {
  constructor(n: string) {
    super()
    this.set('n', `own ${n}`)
  }
}
class OwnForm extends FormData {
  constructor(content: string) {
    super()
    this.append('content', content)
  }
}
class OwnFields extends URLSearchParams {
  constructor(fields: Record<string, string>) {
    super()
    for (const key of Object.keys(fields)) this.set(key, fields[key]!)
  }
}
/** Options by accessors, as the requests of servers have them that make a Request only when it is asked for. */
class Lazy {
  readonly method = 'PUT'
  get headers() {
    return { n: '1' }
  }
  get body() {
    return 'x'
  }
  // One that throws.
  get destination(): never {
    throw new TypeError('Illegal invocation')
  }
}
Object.defineProperty(Lazy.prototype, 'destination', { enumerable: true })

describe.each(['policyFetch', 'modelFetch'] as const)('%s', (name) => {
  it.each<[string, () => RequestInit]>([
    ['header fields of a class of its own', () => ({ headers: new OwnHeaders('1') })],
    ['a form of one', () => ({ method: 'PUT', body: new OwnForm('x') })],
    ['URLSearchParams of one', () => ({ method: 'PUT', body: new OwnFields({ a: '1' }) })],
    ['options of one', () => new Lazy()],
  ])('sends %s as fetch does', async (_, init) => {
    const directly = telling()
    const guarded = telling()
    await directly.fetch('http://a.example/', init())
    await makers[name](new FakeClock(), guarded.fetch)('http://a.example/', init())
    expect(guarded.sent).toEqual(directly.sent)
  })

  it('takes a Request in the place of the options, as proxies do to send it elsewhere', async () => {
    const directly = telling()
    const guarded = telling()
    const send = makers[name](new FakeClock(), guarded.fetch)
    for (const fetch of [directly.fetch, send]) {
      const headers = { n: '1' }
      const put = new Request('http://b.example/', { method: 'PUT', headers, body: 'x', duplex: 'half' })
      await fetch('http://a.example/', put)
    }
    expect(directly.sent).toEqual(['PUT http://a.example/ 1 x'])
    expect(guarded.sent).toEqual(directly.sent)
  })
})

describe('policyFetch', () => {
  it('keeps the case of names of header fields, as fetch does', async () => {
    const seen: string[][] = []
    const server = createServer((request, response) => {
      seen.push(request.rawHeaders.filter((name) => /^x-/i.test(name)))
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (const send of [fetch, policyFetch({ limit: {} })]) {
      for (const headers of [new Headers({ 'X-Id': '1' }), { 'X-Id': '1' }, [['X-Id', '1']] as [string, string][]])
        await (await send(url, { headers })).text()
    }
    server.close()
    expect(seen).toEqual(Array.from({ length: 6 }, () => ['X-Id']))
  })

  it('lets go of the body of a request that is aborted before it is sent', async () => {
    const send = makers.policyFetch(new FakeClock(), telling().fetch)
    await send('http://a.example/')
    const gone = vi.fn()
    const body = (): ReadableStream => new ReadableStream({ cancel: gone })
    const early = AbortSignal.abort('early')
    await expect(send('http://a.example/', { method: 'POST', body: body(), signal: early })).rejects.toBe('early')
    const controller = new AbortController()
    const { signal } = controller
    const file = Readable.from(['x'])
    const request = new Request('http://a.example/', { method: 'POST', body: body(), duplex: 'half', signal })
    const waiting = [
      send('http://a.example/', { method: 'POST', body: body(), signal }),
      send('http://a.example/', { method: 'POST', body: file as never, signal }),
      send(request),
    ]
    controller.abort('late')
    expect(await Promise.allSettled(waiting)).toEqual(waiting.map(() => ({ status: 'rejected', reason: 'late' })))
    expect(gone.mock.calls).toEqual([['early'], ['late'], ['late']])
    expect(file.destroyed).toBe(true)
    const oldest = { body: new Stream() as never, signal, method: 'POST' }
    await expect(send('http://a.example/', oldest)).rejects.toBe('late')
  })
})

it('modelFetch lets go of the body of a request that is aborted before it is sent', async () => {
  const send = makers.modelFetch(new FakeClock(), telling().fetch)
  const gone = vi.fn()
  const url = 'http://a.example/'
  const given = (signal: AbortSignal): RequestInit => ({
    method: 'POST',
    body: new ReadableStream({ cancel: gone }),
    duplex: 'half',
    signal,
  })
  const early = AbortSignal.abort('early')
  await expect(send(url, given(early))).rejects.toBe('early')
  await expect(send(new Request(url, given(early)))).rejects.toBe('early')
  await send(url)
  const controller = new AbortController()
  const { signal } = controller
  const file = Readable.from(['x'])
  // The body of the last one has to be read for the estimate, and does not come.
  const waiting = [
    send(url, given(signal)),
    send(url, { ...given(signal), body: file as never }),
    send(new Request(url, given(signal))),
  ]
  await new Promise(setImmediate)
  controller.abort('late')
  expect(await Promise.allSettled(waiting)).toEqual(waiting.map(() => ({ status: 'rejected', reason: 'late' })))
  // Two copies of the last one were under way, each with its reason.
  expect(gone.mock.calls).toEqual([['early'], ['early'], [['late', 'late']], ['late']])
  expect(file.destroyed).toBe(true)
})

it('a function of the options that gives a promise, which is none, does not end the process when that rejects', async () => {
  const unhandled: unknown[] = []
  const hear = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', hear)
  const fails = (): never => Promise.reject(new Error('no session')) as never
  const fetch = async () => new Response('{}')
  const rates = { rpm: 60, tpm: 60, fetch }
  const request = { method: 'POST', body: '{}' }
  await expect(modelFetch({ ...rates, estimate: fails })('http://a.example/', request)).rejects.toThrow('estimate must')
  await expect(policyFetch({ per: fails, fetch })('http://a.example/')).rejects.toThrow('per must return a string')
  const answer = await modelFetch({ ...rates, usage: fails })('http://a.example/', request)
  expect(await answer.text()).toBe('{}')
  await new Promise(setImmediate)
  process.off('unhandledRejection', hear)
  expect(unhandled).toEqual([])
})
