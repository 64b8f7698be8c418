import { describe, expect, it } from 'vitest'
import { COSTS, random } from '../../bench/waiting/virtual-load.mjs'
import { SimulatedMachine } from './simulated-threads.js'
import { WaitingThreads } from './waiting-threads.js'

const SECONDS = 20
const LIMIT_MS = 1000

/** Which share of the rate callers get who come twice as fast and give up after a second. */
async function served(threads: number, rate: number, burst: number, costs: keyof typeof COSTS): Promise<number> {
  const rng = random(1)
  const machine = new SimulatedMachine(rng)
  const limit = new WaitingThreads(machine, threads, rate, burst)
  const world = machine.thread()
  const arrive = (): void => {
    const thread = limit.threads[Math.floor(rng() * threads)]!
    const tokens = COSTS[costs].of(rng)
    thread.clock.at(machine.nowMs, () => thread.acquire(tokens, LIMIT_MS))
    world.at(machine.nowMs + (COSTS[costs].mean / ((rate / 1000) * 2)) * -Math.log(rng()), arrive)
  }
  world.at(0, arrive)
  await machine.run(SECONDS * 1000)
  const warmMs = 2 * LIMIT_MS
  const tokens = limit.grants.filter(({ toMs }) => toMs > warmMs).reduce((sum, grant) => sum + grant.tokens, 0)
  return tokens / (rate * (SECONDS - warmMs / 1000))
}

// With a waiter or two in each, nearly every give-up is that of the first of a row; and the smaller the burst, the sooner is lost what nobody takes.
describe('twice the load on threads that share a limit', () => {
  it.each([
    [63, 3, 'distinct'],
    [63, 10, 'distinct'],
    [63, 3, 'two'],
    [32, 3, 'distinct'],
    [4, 3, 'distinct'],
    [2, 3, 'distinct'],
  ] as const)('%i threads, burst %i, %s costs: 98 of 100 tokens are served', async (threads, burst, costs) => {
    expect(await served(threads, 100, burst, costs)).toBeGreaterThan(0.98)
  })
})
