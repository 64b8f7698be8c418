import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { FAMILIES, metricName } from '../../../dist/metrics/families.js'

const read = (name: string): string =>
  readFileSync(new URL(`../../../docs/monitoring/${name}`, import.meta.url), 'utf8')

const hasPromtool = spawnSync('promtool', ['--version']).status === 0

interface Panel {
  readonly title: string
  readonly type: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string }[]
}
const { panels, schemaVersion, templating } = JSON.parse(read('dashboard.json')) as {
  panels: readonly Panel[]
  schemaVersion: number
  templating: { list: readonly { name: string }[] }
}

/** Every name that metrics have, parts of histograms included. */
const known = new Set(
  Object.values(FAMILIES).flatMap((family) =>
    [true, false].flatMap((isOfMachine) => {
      const name = metricName('amorsize_', family, isOfMachine)
      return family.type === 'histogram' ? ['_bucket', '_sum', '_count'].map((part) => name + part) : [name]
    }),
  ),
)

/** The names of metrics in an expression. */
const namesIn = (expression: string): string[] => expression.match(/amorsize_\w+/g) ?? []

describe('docs/monitoring', () => {
  const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const))

  it.each(queries)('asks only for what there is: %s', (_, expression) => {
    const names = namesIn(expression)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !known.has(name))).toEqual([])
  })

  it('takes what a machine shares once, and adds up machines and processes', () => {
    for (const [, expression] of queries) {
      if (/_container_|next_wait/.test(expression)) expect(expression).toMatch(/^max by /)
      else if (!expression.includes('amorsize_machine_')) expect(expression).toMatch(/\bsum by /)
      else {
        expect(expression).toMatch(/^sum by /)
        const inner = expression.split('amorsize_machine_').slice(0, -1)
        for (const before of inner)
          expect(before).toMatch(/sum by \([^)]+\) \(max by \(machine, name, (kind|state)\) \((rate\()?$/)
      }
    }
  })

  it('has a panel for every family but what a panel of another says', () => {
    const asked = new Set(queries.flatMap(([, expression]) => namesIn(expression)))
    const families = Object.values(FAMILIES).filter((family) =>
      [true, false].some((isOfMachine) => {
        const name = metricName('amorsize_', family, isOfMachine)
        return asked.has(name) || asked.has(`${name}_bucket`)
      }),
    )
    const missing = Object.values(FAMILIES).filter((family) => !families.includes(family))
    expect(missing.map(({ name }) => name)).toEqual([
      'limiter_rate_per_second',
      'limiter_paused_seconds',
      'limiter_keys',
      'limiter_key_capacity',
      'limiter_evicted_keys_total',
      'execute_runs_total',
      'execute_runs_under_way',
      'container_cpu_throttled_periods_total',
      'container_memory_events_total',
    ])
  })

  it('is a dashboard of the classic model, no panel upon another', () => {
    expect(schemaVersion).toBe(41)
    expect(templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance', 'name'])
    const taken = new Set<string>()
    for (const { gridPos } of panels)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`)).toBe(false)
          expect(x).toBeLessThan(24)
          taken.add(`${x},${y}`)
        }
  })

  it('alerts about what there is', () => {
    const names = namesIn(read('alerts.yml'))
    expect(names.length).toBeGreaterThan(5)
    expect(names.filter((name) => !known.has(name))).toEqual([])
  })

  it.skipIf(!hasPromtool)('alerts as its tests say (needs promtool)', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yml'], {
      cwd: new URL('../../../docs/monitoring', import.meta.url),
      encoding: 'utf8',
    })
    expect({ status, stdout, stderr }).toMatchObject({ status: 0 })
  })
})
