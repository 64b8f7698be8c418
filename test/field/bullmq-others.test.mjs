// Runs over a queue of BullMQ 5 and 6 that jobs, or workers, of other programs are in, too.
import { once } from 'node:events'
import { execute, task } from 'amorsize'
import { bullmq, serveTasks } from 'amorsize/bullmq'
import { describe, expect, it } from 'vitest'
import { addressOf, cases, jobsOf, numbers, require, runningServers, servers, url } from './support/bullmq.mjs'

describe.skipIf(servers.length === 0)('a queue that others use (needs redis-server or valkey-server)', () => {
  const running = runningServers()
  const shared = (name, kind, subject) => {
    const address = addressOf(running.get(kind), `${subject}-${name}`, name)
    const { Queue, Worker } = address.library
    const own = { connection: address.connection }
    const work = (processor, options) => new Worker(address.queue, processor, { ...own, ...options })
    return { address, queue: new Queue(address.queue, own), work }
  }

  it.each(cases)('gets its jobs back without an attempt, with %s on %s', async (name, kind) => {
    const { address, queue, work } = shared(name, kind, 'back')
    const serving = await serveTasks({ ...address, tasks: [url] })
    const warned = once(process, 'warning')
    const chunk = { version: 1, run: 'r', task: { module: 'tasks.mjs', export: 'double', hash: '0' }, items: 'j[1]' }
    const jobs = [
      ['mail', { to: 'amy' }],
      ['mail', chunk],
      ['chunk', { ...chunk, version: 2 }],
      ['chunk', { version: 1 }],
      ['chunk', { ...chunk, task: null }],
      ['chunk', null],
    ]
    const added = await queue.addBulk(jobs.map(([name, data]) => ({ name, data })))
    const found = () => Promise.all(added.map(({ id }) => queue.getJob(id)))
    // Each was in its hands.
    await expect.poll(async () => (await found()).every(({ attemptsStarted }) => attemptsStarted > 0)).toBe(true)
    expect((await found()).map(({ attemptsMade, failedReason }) => [attemptsMade, failedReason])).toEqual(
      jobs.map(() => [0, undefined]),
    )
    const [{ code, message }] = await warned
    expect([code, message]).toEqual(['AMORSIZE_QUEUE_SHARED', expect.stringContaining('no chunk of this version')])
    await serving.close()
    const theirs = work(async (job) => job.name)
    for (const job of added) {
      await expect.poll(() => job.getState()).toBe('completed')
      expect((await queue.getJob(job.id)).attemptsMade).toBe(1)
    }
    await theirs.close()
    await queue.close()
  })

  it.each(cases)('is refused by both ends, and left as it is, with %s on %s', async (name, kind) => {
    const { address, queue } = shared(name, kind, 'refused')
    await queue.waitUntilReady()
    const admin = new (require('ioredis').Redis)(address.connection)
    const key = `bull:${address.queue}:meta`
    await expect.poll(() => admin.exists(key)).toBe(1)
    await admin.hset(key, 'opts.maxLenEvents', '77')
    for (const options of [{}, { delay: 1e6 }, { priority: 3 }]) {
      const job = await queue.add('mail', { to: 'amy' }, options)
      const refused = {
        code: 'ERR_EXECUTION',
        message: expect.stringMatching(/ holds jobs .*, such as "mail" \(\d+\)/),
      }
      await expect(serveTasks({ ...address, tasks: [url] })).rejects.toMatchObject(refused)
      await expect(execute(task(url, 'double'), [1], { on: bullmq(address) })).rejects.toMatchObject(refused)
      expect((await queue.getJob(job.id)).attemptsStarted).toBe(0)
      await job.remove()
    }
    expect(await admin.hget(key, 'opts.maxLenEvents')).toBe('77')
    expect(await admin.keys('amz:*')).toEqual([])
    admin.disconnect()
    await queue.close()
  })

  it.each(cases)('ends a run whose chunks another program takes, with %s on %s', async (name, kind) => {
    for (const [subject, answer, quoted] of [
      ['object', { ok: true }, 'received { ok: true }'],
      ['null', null, 'received null'],
    ]) {
      const { address, queue, work } = shared(name, kind, subject)
      const taken = []
      const theirs = work(async (job) => {
        taken.push(job.id)
        await job.updateProgress({ refused: true })
        return answer
      })
      const run = execute(task(url, 'double'), numbers(4), { on: bullmq(address) })
      await expect(run).rejects.toMatchObject({ code: 'ERR_EXECUTION', message: expect.stringContaining(quoted) })
      // Each of four items twice, at most.
      expect(taken.length).toBeLessThanOrEqual(8)
      await theirs.close()
      // What it had in hand when the run ended it may have completed after; the server keeps that for a day at most.
      const { completed = 0, ...others } = await jobsOf(address)
      expect(others).toEqual({})
      expect(completed).toBeLessThanOrEqual(1)
      await queue.close()
    }
  })
})
