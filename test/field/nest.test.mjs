import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { built, compile } from './support/compile.mjs'

let program
beforeAll(async () => {
  await compile('nest', 'nest')
  program = await import(built('nest/app.js'))
})

describe.each(['express', 'fastify'])('NestJS on %s with our decorators among its own', (platform) => {
  let app
  let origin
  beforeAll(async () => ({ app, origin } = await program.start(platform)))
  afterAll(() => app.close())

  const ask = async (path, options) => {
    const response = await fetch(`${origin}/${path}`, options)
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  const post = (body) =>
    ask('orders', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

  it('keeps a guard that stands below a policy: @Get @withTimeout @UseGuards(DenyAll) is 403', async () => {
    expect(await ask('mixed')).toMatchObject({ status: 403 })
  })

  it('keeps a route that stands below a policy: @withRetry @Get is 200', async () => {
    expect(await ask('retry-above')).toMatchObject({ status: 200, text: 'ok' })
    expect(await ask('retry-below')).toMatchObject({ status: 200, text: 'ok' })
  })

  it('lets guards read the metadata of the method, through three policies', async () => {
    expect(await ask('roles')).toMatchObject({ status: 200, text: 'ok' })
    expect(await ask('no-roles')).toMatchObject({ status: 403 })
  })

  it('keeps interceptors, status and headers', async () => {
    expect(await ask('wrapped')).toMatchObject({ status: 200, text: '{"wrapped":"ok"}' })
    const { status, headers } = await ask('status')
    expect([status, headers.get('x-made-by')]).toEqual([202, 'nest'])
  })

  it('keeps the parameters, their pipes and decorators of one’s own', async () => {
    const { status, text } = await ask('items/7?q=a', { headers: { 'x-user': 'alice' } })
    expect(status).toBe(200)
    expect(JSON.parse(text)).toEqual({ id: 7, q: 'a', user: 'alice', url: '/items/7?q=a' })
    expect(await ask('items/seven')).toMatchObject({ status: 400 })
  })

  it('keeps the types that validation reads, and pipes that stand among policies', async () => {
    expect(await post({ count: 2 })).toMatchObject({ status: 201, text: '{"count":2,"isOrder":true}' })
    expect(await post({ count: 0 })).toMatchObject({ status: 400 })
  })

  it('applies the policies: a retry in an injected service, a time limit on a route', async () => {
    expect(await ask('price/21')).toMatchObject({ status: 200, text: '42' })
    expect(await ask('slow')).toMatchObject({ status: 500 })
  })

  it('keeps what Swagger reads', () => {
    const { get } = program.describe(app).paths['/described']
    expect(get.summary).toBe('described below the policy')
    expect(get.responses['200'].description).toBe('a text')
  })
})
