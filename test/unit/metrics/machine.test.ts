import { chmodSync, copyFileSync } from 'node:fs'
import { KeyedRateLimiter, RateLimiter } from 'amorsize'
import { metricsText, prometheus } from 'amorsize/metrics'
import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { SharedMemoryError } from '../../../dist/errors.js'
import { sharedMemoryName } from '../../../dist/memory/machine/regions.js'
import type { MachineEntry } from '../../../dist/memory/machine/view.js'
import { machineSamples } from '../../../dist/metrics/samples.js'
import { formatted } from '../../../dist/metrics/text.js'
import { describeMachine, filesOf, machineName, removeLater } from '../../support/machine.js'
import { valuesOf } from '../../support/metrics-values.js'

describe('samples of the machine', () => {
  const entry = (name: string): MachineEntry => ({
    name,
    kind: 'limiter',
    state: 'ready',
    processes: [7],
    requestsPerSecond: 10,
    burstSize: 5,
    tokens: 5,
    debt: 0,
    waiting: 0,
    retryAfterMs: 0,
    pausedMs: null,
    allowed: 1,
    denied: 0,
    keys: null,
    keyCapacity: null,
    evicted: null,
    breaker: null,
    permits: null,
    maxConcurrent: null,
    bytes: 4480,
    file: `/memory/${name}`,
  })

  it('are those of ten thousand names, each number once', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `"${i}"\n\u001b[31m`)
    const lines = formatted(
      machineSamples(() => names.map(entry)),
      'amorsize_',
    ).split('\n')
    const series = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/ \S+$/, ''))
    expect(new Set(series).size).toBe(series.length)
    expect(series.filter((each) => each.startsWith('amorsize_machine_limiter_tokens{'))).toHaveLength(10_000)
    expect(lines.every((line) => line === '' || /^(#|amorsize_)/.test(line))).toBe(true)
  })

  it('keep their labels as long as a name is there', () => {
    const read = (...names: string[]) =>
      machineSamples(
        () => names.map(entry),
        () => 'here',
      ).map(({ labels }) => labels)
    const first = read('stays', 'goes', 'stays')
    const again = read('stays')
    expect(first).toHaveLength(2 * again.length)
    expect(again.every((labels, i) => labels === first[i])).toBe(true)
    expect(again[0]!.text).toBe('{name="stays",scope="machine",machine="here",kind="limiter"}')
    const back = read('stays', 'goes')
    expect(back.map(({ text }) => text)).toEqual(first.map(({ text }) => text))
    expect(back.at(-1)).not.toBe(first.at(-1))
  })

  it('leave out what cannot be used', () => {
    const states = ['unfinished', 'other-version', 'not-a-region', 'other-boot', 'foreign', 'unreadable'] as const
    const read = () => [...states.map((state) => ({ ...entry(state), state })), { ...entry('x'), name: null }]
    expect(machineSamples(read)).toEqual([])
  })

  it('are none where there is no shared memory; anything else is an error', () => {
    const fails = (error: Error) => () => {
      throw error
    }
    expect(machineSamples(fails(new SharedMemoryError('no addon', { reason: 'unavailable' })))).toEqual([])
    expect(() => machineSamples(fails(new SharedMemoryError('no room', { reason: 'full' })))).toThrow('no room')
    expect(() => machineSamples(fails(new Error('EMFILE')))).toThrow('EMFILE')
  })
})

describeMachine('names of the machine', () => {
  it('have metrics of their own, the same for every process', async () => {
    const name = machineName()
    const limiter = new RateLimiter({ requestsPerSecond: 0.001, burstSize: 5, name, scope: 'machine' })
    limiter.tryAcquire()
    const labels = `name="${name}",scope="machine",machine="${sharedMemoryName()}"`
    const values = valuesOf(metricsText())
    expect(values).toMatchObject({
      [`amorsize_machine_limiter_burst_tokens{${labels}}`]: '5',
      [`amorsize_machine_name_processes{${labels},kind="limiter"}`]: '1',
      [`amorsize_machine_limiter_paused_seconds{${labels}}`]: '0',
    })
    expect(Number(values[`amorsize_machine_limiter_tokens{${labels}}`])).toBeCloseTo(4, 1)
    const registry = new Registry()
    prometheus(registry)
    const json = await registry.getMetricsAsJSON()
    expect(json.find((metric) => metric.name === 'amorsize_machine_limiter_burst_tokens')).toMatchObject({
      aggregator: 'first',
    })
    limiter[Symbol.dispose]()
  })

  it('are told once each, whatever else has the same name, and whoever has copied a file', () => {
    const name = machineName()
    const shared = { name, scope: 'machine', requestsPerSecond: 0.001, burstSize: 5 } as const
    const objects = [new RateLimiter(shared), new KeyedRateLimiter({ ...shared, burstSize: 7, capacity: 64 })]
    const [file] = filesOf(name)
    const copy = removeLater(`${file!}.copy`)
    copyFileSync(file!, copy)
    chmodSync(copy, 0o600)
    const lines = metricsText()
      .split('\n')
      .filter((line) => line.includes(`burst_tokens{name="${name}"`))
    expect(lines.sort()).toEqual([
      `amorsize_machine_limiter_burst_tokens{name="${name}",scope="machine",machine="${sharedMemoryName()}",kind="keyed"} 7`,
      `amorsize_machine_limiter_burst_tokens{name="${name}",scope="machine",machine="${sharedMemoryName()}"} 5`,
    ])
    for (const object of objects) object[Symbol.dispose]()
  })
})
