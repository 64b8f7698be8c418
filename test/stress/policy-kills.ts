// Processes that are killed while they change a bulkhead or a breaker of the machine, which others go on to use.
import { expect } from 'vitest'
import { type Bulkhead, bulkhead, circuitBreaker } from '../../dist/index.js'
import { systemClock } from '../../dist/internal/time/clock.js'
import { breakers } from '../../dist/memory/breaker/index.js'
import { BREAKER_PARAMETER } from '../../dist/memory/shared/layout.js'
import { readCircuitBreakerOptions } from '../../dist/policy/circuit-breaker/options.js'
import { machineName, startScript } from '../support/machine.js'
import { amongKills } from './machine-kills.js'

const { href } = new URL('../../dist/index.js', import.meta.url)
const fail = (): Promise<never> => Promise.reject(new Error('down'))
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Slots that anybody has, the dead included; not in the published types. */
const inUse = (slots: Bulkhead): number => (slots as unknown as { readonly inUse: number }).inUse

/** The largest limit that a change gives a bulkhead, and how long its queue may be for each slot. */
const MOST = 5
const QUEUE = 1000

/** More callers than slots, which change how many there are; the queue with it. */
const CALL_AND_LIMIT = (options: object): string => `
  const { bulkhead } = await import(${JSON.stringify(href)})
  const slots = bulkhead(${JSON.stringify(options)})
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const call = async (id) => {
    for (let i = 0; ; i++) {
      await slots.execute(i % 3 === 0 ? turn : () => undefined)
      const maxConcurrent = 1 + ((id + i) % ${MOST})
      if (i % 5 === 0) slots.update({ maxConcurrent, maxQueue: ${QUEUE} * maxConcurrent })
      if (i % 7 === 0) await turn()
    }
  }
  say('at work')
  await Promise.all(Array.from({ length: ${MOST + 2} }, (_, id) => call(id)))`

/**
 * This process keeps calling meanwhile, and is never forgotten; never do more run than the largest limit. In the end the last change is whole,
 * and all slots and places in the queue are there.
 */
export async function expectSlotsToOutliveKills(kills: number): Promise<void> {
  const options = { name: machineName(), scope: 'machine', maxConcurrent: 3, maxQueue: 3 * QUEUE } as const
  const slots = bulkhead(options)
  let isOver = false as boolean
  let calls = 0
  const own = (async () => {
    for (; !isOver; calls++) {
      await slots.execute(turn)
      expect(inUse(slots)).toBeLessThanOrEqual(MOST)
    }
  })()
  await Promise.all([
    own,
    amongKills(kills, () => startScript(null, CALL_AND_LIMIT(options))).finally(() => (isOver = true)),
  ])
  expect(calls).toBeGreaterThan(kills)
  expect(slots.maxQueue).toBe(QUEUE * slots.maxConcurrent)

  slots.update({ maxConcurrent: 3, maxQueue: 4 })
  const permits = await Promise.all([slots.acquire(), slots.acquire(), slots.acquire()])
  expect([inUse(slots), slots.available]).toEqual([3, 0])
  const waiting = Array.from({ length: 4 }, () => slots.acquire())
  await expect(slots.acquire()).rejects.toMatchObject({ code: 'ERR_BULKHEAD_REJECTED', queued: 4 })
  for (const permit of permits) permit[Symbol.dispose]()
  for (const next of waiting) (await next)[Symbol.dispose]()
  await turn()
  expect([inUse(slots), slots.available]).toEqual([0, 3])
  expect(slots.stats()).toMatchObject({ running: 0, queued: 0, rejected: 1 })
}

/** What a change gives a breaker is one number in two places. */
const MANY = 40

/** Calls of which half fail, under rules that change. Where six have died in the middle of a change there is no room for another. */
const CALL_AND_RULE = (options: object): string => `
  const { circuitBreaker } = await import(${JSON.stringify(href)})
  const breaker = circuitBreaker(${JSON.stringify(options)})
  say('at work')
  for (let i = 0, isFull = false; ; i++) {
    await breaker.execute(() => { if (i % 2 === 0) throw new Error('down') }).catch(() => undefined)
    const number = 1 + ((process.pid + i) % ${MANY})
    try {
      if (!isFull) breaker.update({ window: { minimumCalls: number }, resetTimeoutMs: number })
    } catch (error) {
      if (error.reason !== 'busy') throw error
      isFull = true
    }
    if (i % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }`

/** Whatever this process reads meanwhile is one whole change. In the end the breaker goes by the last one. */
export async function expectRulesToOutliveKills(kills: number): Promise<void> {
  const options = {
    name: machineName(),
    scope: 'machine',
    window: { calls: 50, minimumCalls: 5 },
    resetTimeoutMs: 5,
    probeLeaseMs: 50,
  } as const
  const breaker = circuitBreaker(options)
  const { parameters: founding, name, scope } = readCircuitBreakerOptions(options)
  const { subject } = breakers.at({ name, scope, address: null }, founding, systemClock)
  const rules = (): { minimumCalls: number; resetTimeoutMs: number; generation: number } => {
    const { parameters, generation } = subject.parameters()
    const [minimumCalls, resetTimeoutMs] = [
      parameters[BREAKER_PARAMETER.minimumCalls]!,
      parameters[BREAKER_PARAMETER.resetTimeoutMs]!,
    ]
    expect(minimumCalls).toBe(resetTimeoutMs)
    return { minimumCalls, resetTimeoutMs, generation }
  }
  let isOver = false as boolean
  const seen = new Set<number>()
  const own = (async () => {
    while (!isOver) {
      seen.add(rules().generation)
      await breaker.execute(turn).catch(turn)
    }
  })()
  await Promise.all([
    own,
    amongKills(kills, () => startScript(null, CALL_AND_RULE(options))).finally(() => (isOver = true)),
  ])
  expect(seen.size).toBeGreaterThan(kills)

  const { minimumCalls, resetTimeoutMs } = rules()
  breaker.isolate()
  await expect(breaker.execute(turn)).rejects.toMatchObject({ state: 'isolated' })
  breaker.close()
  for (let call = 0; call < minimumCalls; call++) {
    expect(breaker.state).toBe('closed')
    await expect(breaker.execute(fail)).rejects.toThrow('down')
  }
  expect(breaker.state).not.toBe('closed')
  await new Promise((resolve) => setTimeout(resolve, resetTimeoutMs + 5))
  expect(breaker.state).toBe('half-open')
  for (let probe = 0; probe < 2; probe++) expect(await breaker.execute(() => 'up')).toBe('up')
  expect(breaker.state).toBe('closed')
}
