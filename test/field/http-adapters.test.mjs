// Servers that no port leads to: behind an adapter of AWS Lambda, and in tests. Their responses are made by others than Node's server.
import serverlessExpress from '@codegenie/serverless-express'
import { connectLimit, fastifyLimit, shed } from 'amorsize/http'
import express from 'express'
import { fastify } from 'fastify'
import serverlessHttp from 'serverless-http'
import { expect, it } from 'vitest'

const guarded = { limits: { wrong: { max: 2, windowMs: 60_000 } }, countIf: (_, status) => status === 401 }

function expressApp() {
  const shedding = shed({ maxConcurrent: 1 })
  const app = express().use(shedding, connectLimit(guarded))
  app.get('/:status', ({ params }, res) => void res.status(Number(params.status)).json(params))
  return { app, shedding }
}

async function fastifyApp() {
  const app = fastify()
  await app.register(shed.fastify, { maxConcurrent: 1 })
  await app.register(fastifyLimit, guarded)
  app.get('/:status', ({ params }, reply) => reply.code(Number(params.status)).send(params))
  return app
}

/** What API Gateway hands to a function. */
const event = (path) => ({
  version: '2.0',
  routeKey: '$default',
  rawPath: path,
  rawQueryString: '',
  headers: { host: 'api.test' },
  requestContext: { http: { method: 'GET', path, sourceIp: '192.0.2.1', protocol: 'HTTP/1.1' }, stage: '$default' },
  isBase64Encoded: false,
})

const adapters = {
  'serverless-http': (app) => serverlessHttp(app),
  '@codegenie/serverless-express': (app) => serverlessExpress({ app }),
}

async function statusesOf(answer) {
  const statuses = []
  for (const status of [200, 200, 200, 401, 401, 200]) statuses.push((await answer(`/${status}`)).statusCode)
  return statuses
}

/** Only the two with status 401 count; each request has given its place back. */
const expected = [200, 200, 200, 401, 401, 429]

it.each(Object.entries(adapters))(
  'Express behind %s: counts by outcome, and places are given back',
  async (_, adapt) => {
    const { app, shedding } = expressApp()
    const handler = adapt(app)
    expect(await statusesOf((path) => handler(event(path), {}))).toEqual(expected)
    expect(shedding.stats()).toMatchObject({ refused: 0, running: 0 })
  },
)

it('Fastify by inject, as @fastify/aws-lambda does', async () => {
  const app = await fastifyApp()
  expect(await statusesOf((path) => app.inject(path))).toEqual(expected)
})
