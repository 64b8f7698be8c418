// Who drives a run, on a server that the test plays.
import { execute, task } from 'amorsize'
import { type BullmqModule, bullmq } from 'amorsize/bullmq'
import { expect, it } from 'vitest'

/** What the server holds, and the client that runs the script of `run-control.ts` on it. */
const held = new Map<string, string>()
const client = {
  defineCommand: () => undefined,
  runCommand: async (_: string, [key, what, value]: [string, string, string]): Promise<string> => {
    const holder = held.get(key) ?? ''
    if (what === 'look' || (what === 'claim' && holder !== '' && holder !== value)) return holder
    if (what !== 'release') held.set(key, value)
    else if (holder === value) held.delete(key)
    return ''
  },
}

class Base {
  readonly client = Promise.resolve(client)
  readonly on = (): this => this
  readonly waitUntilReady = async (): Promise<void> => undefined
  readonly close = async (): Promise<void> => undefined
  readonly getJobs = (): Promise<never> => Promise.reject(new Error('not now'))
}

it('leaves a run that could not begin to whoever begins it next', async () => {
  const library = { Queue: Base, QueueEvents: Base, Worker: Base } satisfies BullmqModule
  const module = 'data:text/javascript,export const double = async (n) => 2 * n'
  const run = (): Promise<unknown> =>
    execute(task(module, 'double'), [1, 2], { on: bullmq({ connection: {}, queue: 'claims', library }) })
  await expect(run()).rejects.toThrow('not now')
  expect(held.size).toBe(0)
  // Not that it is driven by this process.
  await expect(run()).rejects.toThrow('not now')
})
