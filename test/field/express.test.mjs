import { once } from 'node:events'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askForAll, callNames } from './support/ask.mjs'
import { answer, asRequestOf } from './support/guarded-calls.mjs'

const app = express()
app.use((request, response, next) => asRequestOf(request.query.user, next))
app.get('/:call', async (request, response) => response.json(await answer(request.params.call)))

let server
let origin
beforeAll(async () => {
  server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${server.address().port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

describe('Express: every request runs as the user who asked', () => {
  it.each(callNames)('%s, 24 at once', async (name) => {
    expect(await askForAll(origin, name, 24)).toEqual([])
  })

  it.each(callNames)('%s, 500 at once', async (name) => {
    expect(await askForAll(origin, name, 500)).toEqual([])
  })
})
