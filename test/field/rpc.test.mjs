import { once } from 'node:events'
import grpc from '@grpc/grpc-js'
import { createTRPCClient, httpBatchLink } from '@trpc/client'
import { initTRPC, TRPCError } from '@trpc/server'
import { createHTTPServer } from '@trpc/server/adapters/standalone'
import { bulkhead, circuitBreaker, KeyedRateLimiter, pipeline, RateLimiter, retry, timeout } from 'amorsize'
import { connectLimit, policyFetch } from 'amorsize/http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** How many of the calls ended well, and the codes of the others. */
async function outcomes(calls, codeOf) {
  const settled = await Promise.allSettled(calls)
  const codes = settled.filter(({ status }) => status === 'rejected').map(({ reason }) => codeOf(reason))
  return [settled.length - codes.length, codes]
}

describe('tRPC', () => {
  const perUser = new KeyedRateLimiter({ requestsPerSecond: 0.001, burstSize: 3, capacity: 1000 })
  const places = bulkhead({ maxConcurrent: 2 })
  const t = initTRPC.context().create()
  const limited = t.procedure
    .use(({ ctx, next }) => {
      if (perUser.tryAcquire(ctx.user)) return next()
      throw new TRPCError({ code: 'TOO_MANY_REQUESTS' })
    })
    .use(({ next }) => places.execute(() => next()))
  const router = t.router({
    hello: limited.query(({ ctx }) => `hello ${ctx.user}`),
    late: t.procedure.use(({ next }) => timeout(20).execute(() => next())).query(() => new Promise(() => {})),
  })
  const server = createHTTPServer({
    router,
    middleware: connectLimit({ limits: { minute: { max: 10, windowMs: 60_000 } } }),
    createContext: ({ req }) => ({ user: req.headers['x-user'] }),
  })
  let origin
  let client
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${server.address().port}`
    const fetch = policyFetch({ limit: { requestsPerSecond: 1000 } })
    client = (user) => createTRPCClient({ links: [httpBatchLink({ url: origin, fetch, headers: { 'x-user': user } })] })
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  it('limits procedures by user, within a batch, too', async () => {
    for (const user of ['ada', 'bob']) {
      const { hello } = client(user)
      const calls = Array.from({ length: 5 }, () => hello.query())
      expect(await outcomes(calls, ({ data }) => data.code)).toEqual([3, Array(2).fill('TOO_MANY_REQUESTS')])
    }
    expect(places.stats()).toMatchObject({ running: 0 })
  })

  it('ends a procedure under a time limit, and refuses requests before any procedure', async () => {
    await expect(client('eve').late.query()).rejects.toThrow('took longer than 20 ms')
    const statuses = []
    for (let n = 0; n < 10; n++) statuses.push((await fetch(`${origin}/hello`)).status)
    expect(statuses.filter((status) => status === 429)).toHaveLength(3)
  })
})

describe('gRPC', () => {
  const json = { serialize: (value) => Buffer.from(JSON.stringify(value)), deserialize: (bytes) => JSON.parse(bytes) }
  const of = (name) => ({
    path: `/test/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: json.serialize,
    requestDeserialize: json.deserialize,
    responseSerialize: json.serialize,
    responseDeserialize: json.deserialize,
  })
  const service = { get: of('get'), flaky: of('flaky') }
  const perUser = new KeyedRateLimiter({ requestsPerSecond: 0.001, burstSize: 3, capacity: 1000 })

  /** An interceptor of the server, which knows the caller by its metadata. */
  const refusing = (_, call) =>
    new grpc.ServerInterceptingCall(call, {
      start: (begin) =>
        begin({
          onReceiveMetadata(metadata, next) {
            const [user] = metadata.get('user')
            if (perUser.tryAcquire(user)) next(metadata)
            else call.sendStatus({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'slow down' })
          },
        }),
    })

  /** An interceptor of the client: a call starts once there is a token, and a cancelled one gives up its place in the queue. */
  const pacing = (limiter) => (options, nextCall) => {
    const caller = new AbortController()
    return new grpc.InterceptingCall(nextCall(options), {
      start(metadata, listener, next) {
        limiter.acquire(1, { signal: caller.signal }).then(
          () => next(metadata, listener),
          ({ message }) => listener.onReceiveStatus({ code: grpc.status.CANCELLED, details: message, metadata }),
        )
      },
      cancel(next) {
        caller.abort()
        next()
      },
    })
  }

  const server = new grpc.Server({ interceptors: [refusing] })
  let flakyCalls = 0
  server.addService(service, {
    get: ({ request }, answer) => answer(null, request),
    flaky: ({ request }, answer) =>
      flakyCalls++ % 2 === 0 ? answer({ code: grpc.status.UNAVAILABLE }) : answer(null, request),
  })
  const limiter = new RateLimiter({ requestsPerSecond: 1000, burstSize: 10 })
  let client
  beforeAll(async () => {
    const port = await new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    )
    const Client = grpc.makeClientConstructor(service, 'Test')
    client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { interceptors: [pacing(limiter)] })
  })
  afterAll(() => {
    client.close()
    server.forceShutdown()
  })

  const ask = (method, user, signal) =>
    new Promise((resolve, reject) => {
      const metadata = new grpc.Metadata()
      metadata.set('user', user)
      const call = client[method]({ user }, metadata, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      )
      signal?.addEventListener('abort', () => call.cancel())
    })

  it('limits callers by their metadata', async () => {
    for (const user of ['ada', 'bob']) {
      const calls = Array.from({ length: 5 }, () => ask('get', user))
      expect(await outcomes(calls, ({ code }) => code)).toEqual([3, Array(2).fill(grpc.status.RESOURCE_EXHAUSTED)])
    }
  })

  it('tries calls again under policies', async () => {
    const isAway = ({ code }) => code === grpc.status.UNAVAILABLE
    const guard = pipeline(
      retry({ maxRetries: 1, initialDelayMs: 1, retryIf: isAway }),
      circuitBreaker(),
      timeout(20_000),
    )
    expect(await guard.execute(({ signal }) => ask('flaky', 'cyd', signal))).toEqual({ user: 'cyd' })
    expect(flakyCalls).toBe(2)
  })

  it('takes a call that is cancelled while it waits out of the queue', async () => {
    limiter.pauseFor(60_000)
    const waiting = ask('get', 'dan', AbortSignal.timeout(20))
    await expect(waiting).rejects.toMatchObject({ code: grpc.status.CANCELLED })
    await expect.poll(() => limiter.stats().waiting).toBe(0)
  })
})
