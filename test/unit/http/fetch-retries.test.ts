// What a policyFetch with `retry` sends again: by status, by method, and by what its body is.
import { policyFetch, type PolicyFetchOptions } from 'amorsize/http'
import { describe, expect, it } from 'vitest'

const retry = { initialDelayMs: 0, maxRetries: 1 }

/** Sends a request that is answered with a status the first time, and tells how often it was sent and with what. */
async function sent(status: number, init: RequestInit, options: PolicyFetchOptions = { retry }) {
  const bodies: string[] = []
  const send = policyFetch({
    ...options,
    fetch: async (input, given) => {
      const request = new Request(input, given)
      // Each form is written with a boundary of its own.
      const boundary = /boundary=(.*)/.exec(request.headers.get('content-type') ?? '')?.[1] ?? '-'
      bodies.push((await request.text()).replaceAll(boundary, '-'))
      return bodies.length === 1 ? new Response(null, { status, headers: { 'retry-after': '0' } }) : new Response('ok')
    },
  })
  const response = await send('http://a.example/', init)
  return { status: response.status, bodies }
}

describe('a policyFetch with retry', () => {
  it.each([408, 429, 500, 502, 503, 504, 529])('sends a request again that was answered with %i', async (status) => {
    expect(await sent(status, {})).toMatchObject({ status: 200, bodies: { length: 2 } })
  })

  it.each([200, 301, 400, 401, 403, 404, 409, 410, 422, 425, 501, 505])('does not after %i', async (status) => {
    expect(await sent(status, {})).toMatchObject({ status, bodies: { length: 1 } })
  })

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'put', 'delete'])('sends %s again', async (method) => {
    expect(await sent(503, { method })).toMatchObject({ status: 200, bodies: { length: 2 } })
  })

  it.each(['POST', 'PATCH', 'post'])('does not send %s again, unless retryMethods has it', async (method) => {
    expect(await sent(503, { method, body: 'x' })).toMatchObject({ status: 503, bodies: ['x'] })
    const asked = await sent(503, { method, body: 'x' }, { retry, retryMethods: [method] })
    expect(asked).toMatchObject({ status: 200, bodies: ['x', 'x'] })
  })

  const form = new FormData()
  form.set('name', 'value')
  form.set('file', new Blob(['abc']), 'a.txt')

  it.each<[string, NonNullable<RequestInit['body']>]>([
    ['a form', form],
    ['an ArrayBuffer', new TextEncoder().encode('abc').buffer],
    ['a Buffer', Buffer.from('abc')],
    ['a part of a buffer', new Uint8Array(Buffer.from('xabcx')).subarray(1, 4)],
  ])('sends %s again', async (_, body) => {
    const { status, bodies } = await sent(503, { method: 'PUT', body })
    expect([status, bodies.length]).toEqual([200, 2])
    expect(bodies[0]).toMatch(/^-[^]*name="name"\r\n\r\nvalue[^]*name="file"[^]*\r\nabc\r\n-|^abc$/)
    expect(bodies[1]).toBe(bodies[0])
  })
})
