// Limits that an administrator changes in one of two processes of a cluster, while both have load.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import autocannon from 'autocannon'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

/** What the cluster calls. `/held` is answered when the test says so, with the status that it says. */
const upstream = { now: 0, most: 0, asked: 0, held: [] }
let server
let cluster
/** What the processes listen on, and their ids. */
let processes
const dispatcher = new Agent()

beforeAll(async () => {
  server = createServer((incoming, response) => {
    upstream.asked++
    upstream.most = Math.max(upstream.most, ++upstream.now)
    // Before the answer is sent: whoever gets it may ask again at once.
    let isHere = true
    const leave = () => {
      if (isHere) upstream.now--
      isHere = false
    }
    const answer = (status) => {
      leave()
      response.writeHead(status).end('answer')
    }
    response.on('close', leave)
    if (incoming.url === '/held') upstream.held.push(answer)
    else if (incoming.url === '/brief') setTimeout(answer, 20, 200)
    else answer(incoming.url === '/down' ? 500 : 200)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

beforeEach(async () => {
  Object.assign(upstream, { now: 0, most: 0, asked: 0, held: [] })
  cluster = fork(join(import.meta.dirname, 'support', 'updated-cluster.mjs'), {
    env: {
      ...process.env,
      NAME: `amorsize-field-updated-${process.pid}-${performance.now()}`,
      UPSTREAM: `http://127.0.0.1:${server.address().port}`,
    },
  })
  processes = (await once(cluster, 'message'))[0]
  return async () => {
    cluster.disconnect()
    await once(cluster, 'exit')
  }
})

afterAll(async () => {
  await dispatcher.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ask = async (origin, path, options = {}) => {
  const { statusCode, body } = await request(`${origin}${path}`, { dispatcher, ...options })
  const text = await body.text()
  return { status: statusCode, body: text.startsWith('{') ? JSON.parse(text) : text }
}

/** What the administrator does, in one of the processes. */
const change = (nth, changes) =>
  ask(processes[nth].own, '/limits', {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(changes),
  })

const limits = () => Promise.all(processes.map(async ({ own }) => (await ask(own, '/limits')).body))

/** Of both processes together. */
const total = async (count) => (await limits()).reduce((sum, { database }) => sum + database[count], 0)

/** So many requests to both processes, by turns. */
const askBoth = (path, count) => Array.from({ length: count }, (_, i) => ask(processes[i % 2].own, path))

const statuses = async (answers) => (await Promise.all(answers)).map(({ status }) => status)

/** Waits for what must come; another process looks every few milliseconds. The test's own time limit ends it. */
async function until(isSo) {
  while (!(await isSo())) await delay(2)
}

const letGo = (count, status = 200) => {
  for (const answer of upstream.held.splice(0, count)) answer(status)
}

describe('slots', () => {
  it('more of them let in who waits in either process, and fewer nobody until enough have ended', async () => {
    const answers = askBoth('/database/held', 14)
    await until(async () => upstream.now === 4 && (await total('queued')) === 10)

    expect((await change(0, { database: { maxConcurrent: 9 } })).status).toBe(200)
    await until(() => upstream.now === 9)
    expect(await total('queued')).toBe(5)

    await change(1, { database: { maxConcurrent: 2 } })
    letGo(7)
    await until(async () => (await total('running')) === 2)
    expect([upstream.now, await total('queued')]).toEqual([2, 5])

    upstream.most = 2
    while (upstream.asked < 14 || upstream.now > 0) {
      letGo(1)
      await delay(1)
    }
    expect(await statuses(answers)).toEqual(Array(14).fill(200))
    expect([upstream.asked, upstream.most]).toEqual([14, 2])
    for (const { database } of await limits()) expect(database).toMatchObject({ maxConcurrent: 2, available: 2 })
  })

  it('are as many as the last change says, under the load of autocannon', async () => {
    const load = autocannon({ url: `${processes[0].shared}/database/brief`, connections: 40, amount: 3000 })
    let before = 4
    for (const [nth, maxConcurrent] of [9, 3, 12, 2, 20].entries()) {
      await change(nth % 2, { database: { maxConcurrent } })
      // So many at most had begun before and come after: the next one has begun when fewer ran than the new limit.
      const changedAt = upstream.asked
      await until(() => upstream.asked > changedAt + before)
      upstream.most = upstream.now
      await until(() => upstream.most >= maxConcurrent && upstream.asked > changedAt + 100)
      expect(upstream.most).toBe(maxConcurrent)
      before = maxConcurrent
    }
    const { errors, timeouts, non2xx, '2xx': good } = await load
    expect({ errors, timeouts, non2xx, good }).toEqual({ errors: 0, timeouts: 0, non2xx: 0, good: 3000 })
    expect([await total('calls'), upstream.asked]).toEqual([3000, 3000])
    for (const { database } of await limits()) expect(database).toMatchObject({ maxConcurrent: 20, available: 20 })
  })

  it('a smaller queue refuses who comes, and a process that takes the place of a dead one finds all as it is', async () => {
    const answers = askBoth('/database/held', 8)
    await until(async () => (await total('queued')) === 4)
    await change(0, { database: { maxQueue: 2, maxConcurrent: 3 } })
    expect((await ask(processes[1].own, '/database/held')).status).toBe(503)
    expect(await total('queued')).toBe(4)
    letGo(4)
    await until(() => upstream.held.length === 3)
    letGo(3)
    await until(() => upstream.held.length === 1)
    letGo(1)
    expect(await statuses(answers)).toEqual(Array(8).fill(200))

    const [{ pid }] = processes
    const restarted = once(cluster, 'message')
    process.kill(pid, 'SIGKILL')
    processes = (await restarted)[0]
    expect(processes.map((each) => each.pid)).not.toContain(pid)
    for (const { database } of await limits()) expect(database).toMatchObject({ maxConcurrent: 3, maxQueue: 2 })
    expect(await statuses(askBoth('/database/brief', 5))).toEqual(Array(5).fill(200))
  })
})

describe('tokens', () => {
  const admitted = async () => {
    const { '2xx': allowed, '4xx': refused } = await autocannon({
      url: `${processes[0].shared}/api`,
      connections: 6,
      amount: 60,
    })
    return [allowed, refused]
  }

  it('are those of the burst in force, however many processes', async () => {
    expect(await admitted()).toEqual([10, 50])
    // Tokens stay as they are: there are none.
    await change(1, { api: { burstSize: 25 } })
    expect(await admitted()).toEqual([0, 60])
    await change(0, { api: { requestsPerSecond: 1e6 } })
    await delay(5)
    await change(1, { api: { requestsPerSecond: 0.001 } })
    expect(await admitted()).toEqual([25, 35])
  })
})

describe('a breaker', () => {
  it('that is changed while calls are under way does not hear of them, and goes by the new number in both', async () => {
    const early = askBoth('/payments/held', 6)
    await until(() => upstream.held.length === 6)
    await change(0, { payments: { failureThreshold: 2 } })
    letGo(6, 500)
    expect(await statuses(early)).toEqual(Array(6).fill(502))
    expect((await limits()).map(({ payments }) => payments)).toEqual(['closed', 'closed'])

    expect(await statuses(askBoth('/payments/down', 2))).toEqual([502, 502])
    expect((await limits()).map(({ payments }) => payments)).toEqual(['open', 'open'])
    const { asked } = upstream
    const refused = await autocannon({ url: `${processes[0].shared}/payments/up`, connections: 4, amount: 40 })
    expect([refused['5xx'], upstream.asked - asked]).toEqual([40, 0])
    expect(refused.statusCodeStats).toEqual({ 503: { count: 40 } })

    // It is open for its time from now, which is over soon.
    await change(1, { payments: { resetTimeoutMs: 1 } })
    await until(async () => (await limits())[0].payments === 'half-open')
    expect(await statuses(askBoth('/payments/up', 2))).toEqual([200, 200])
    expect((await limits()).map(({ payments }) => payments)).toEqual(['closed', 'closed'])
  })
})

describe('a change', () => {
  const wrong = {
    api: [{ requestsPerSecond: 5, burstSize: 0 }, /^burstSize must be/],
    database: [{ maxConcurrent: 1, maxQueue: -1 }, /^maxQueue must be/],
    payments: [{ failureThreshold: 1, resetTimeoutMs: 0 }, /^resetTimeoutMs must be/],
    slow: [-1, /^timeoutMs must be a finite number > 0, or Infinity; received -1 \(number\)$/],
  }

  it('that is wrong in one place changes nothing of what it is for, in no process, and says why', async () => {
    const before = await limits()
    for (const [name, [given, message]] of Object.entries(wrong))
      for (const nth of [0, 1]) {
        const { status, body } = await change(nth, { [name]: given })
        expect([status, body.message]).toEqual([400, expect.stringMatching(message)])
      }
    expect(await limits()).toEqual(before)
    expect(await statuses(askBoth('/payments/down', 4))).toEqual(Array(4).fill(502))
    expect((await ask(processes[0].own, '/payments/up')).status).toBe(200)
  })

  it('of a timeout is one of its process alone', async () => {
    // Long enough for a request to reach the upstream before it is given up.
    await change(0, { slow: 1000 })
    const answers = askBoth('/database/held', 2)
    await until(() => upstream.asked === 2)
    expect((await answers[0]).status).toBe(504)
    letGo(2)
    expect((await answers[1]).status).toBe(200)
  })
})
