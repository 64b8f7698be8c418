import fastify from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askForAll, callNames } from './support/ask.mjs'
import { answer, asRequestOf } from './support/guarded-calls.mjs'

const app = fastify()
app.addHook('onRequest', (request, reply, done) => asRequestOf(request.query.user, done))
app.get('/:call', (request) => answer(request.params.call))

let origin
beforeAll(async () => (origin = await app.listen({ port: 0, host: '127.0.0.1' })))
afterAll(() => app.close())

describe('Fastify: every request runs as the user who asked', () => {
  it.each(callNames)('%s, 24 at once', async (name) => {
    expect(await askForAll(origin, name, 24)).toEqual([])
  })

  it.each(callNames)('%s, 500 at once', async (name) => {
    expect(await askForAll(origin, name, 500)).toEqual([])
  })
})
