// One server for each limiter that takes a store, with ours in it: GET / is limited to two a minute.
import 'reflect-metadata'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastifyRateLimit from '@fastify/rate-limit'
import { createAdaptorServer } from '@hono/node-server'
import { Controller, Get, Module } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { ThrottlerGuard, ThrottlerModule } from '@nestjs/throttler'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import fastify from 'fastify'
import { Hono } from 'hono'
import { rateLimiter } from 'hono-rate-limiter'
import { expressStore, fastifyStore, nestStorage, type StoreOptions } from 'amorsize/http'

export interface Running {
  readonly origin: string
  readonly close: () => Promise<unknown>
}

const windowMs = 60_000

async function listen(server: Server): Promise<Running> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { origin: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(resolve)) }
}

export const servers: Record<string, (options: StoreOptions) => Promise<Running>> = {
  'express-rate-limit'(options) {
    const app = express()
    app.use(rateLimit({ windowMs, limit: 2, store: expressStore(options) }))
    app.get('/', (_request, response) => void response.send('ok'))
    return listen(createServer(app))
  },

  async '@fastify/rate-limit'(options) {
    const app = fastify()
    await app.register(fastifyRateLimit, { max: 2, timeWindow: windowMs, store: fastifyStore(options) })
    app.get('/', () => 'ok')
    app.get('/other', { config: { rateLimit: { max: 1 } } }, () => 'ok')
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { origin, close: () => app.close() }
  },

  'hono-rate-limiter'(options) {
    const app = new Hono()
    app.use(rateLimiter({ windowMs, limit: 2, keyGenerator: () => 'all', store: expressStore(options) }))
    app.get('/', (context) => context.text('ok'))
    return listen(createAdaptorServer(app) as Server)
  },

  async '@nestjs/throttler'(options) {
    @Controller()
    class Root {
      @Get()
      get(): string {
        return 'ok'
      }
    }
    @Module({
      imports: [ThrottlerModule.forRoot({ throttlers: [{ ttl: windowMs, limit: 2 }], storage: nestStorage(options) })],
      controllers: [Root],
      providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
    })
    class Application {}
    const app = await NestFactory.create(Application, { logger: false })
    await app.listen(0, '127.0.0.1')
    return { origin: await app.getUrl(), close: () => app.close() }
  },
}
