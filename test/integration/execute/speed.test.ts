import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const tasks = new URL('../../../bench/queue/tasks.mjs', import.meta.url).href

/**
 * Prints how many times as long a task with a loop takes within `execute` as by itself. By processor time: whatever else the machine does is
 * not in it. A process of its own, since what it has run before changes what the engine makes of it.
 */
const program = (options: object): string => `
  import { execute, task } from 'amorsize'
  import { microseconds } from '${tasks}'
  async function itemUs(count, run) {
    const items = Array.from({ length: count }, (_, i) => i)
    const before = process.cpuUsage()
    await run(items)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / count
  }
  // Of the first calls code is compiled, and compiled again among what calls it.
  let within
  for (const count of [10_000, 50_000, 20_000])
    within = await itemUs(count, (items) => execute(task('${tasks}', 'microseconds'), items, ${JSON.stringify(options)}))
  // The engine does not know what is called here, and compiles it by itself.
  const alone = await itemUs(5000, (items) => items.map((n) => Reflect.apply(microseconds, undefined, [n])))
  console.log(within / alone)`

describe('a task with a loop', () => {
  // It took four times as long.
  it.each([
    ['this thread', { mode: 'serial' }],
    ['a worker', { mode: 'threads', workers: 1, mainThread: false }],
  ] as const)('takes as long in %s as by itself', (_, options) => {
    const args = ['--input-type=module', '-e', program(options)]
    expect(Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))).toBeLessThan(2)
  })
})
