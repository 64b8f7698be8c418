/** A familiar kind of work, small enough to finish soon. */
export interface Workload {
  readonly name: string
  readonly task: (item: unknown) => unknown
  readonly items: ArrayLike<unknown> & Iterable<unknown>
}

/** Computes for `steps` steps and returns something that depends on all of them. It captures nothing, so threads can run it. */
const spin = (steps: number): number => {
  let x = steps
  for (let i = 0; i < steps; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

const spinRecord = (record: {
  readonly steps: number
  readonly text: string
}): { readonly x: number; readonly text: string } => {
  let x = record.text.length
  for (let i = 0; i < record.steps; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return { x, text: record.text }
}

const spinRows = (table: { readonly steps: number; readonly rows: readonly { readonly id: number }[] }): number => {
  let x = 0
  for (const row of table.rows) x = (x + row.id) | 0
  for (let i = 0; i < table.steps; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

const wait = (ms: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, ms, ms))

/** Returns the workloads, calibrated so that on this machine an item takes the time that the name says. */
export function workloads(): Workload[] {
  const stepsPerMs = measureSteps()
  const steps = (ms: number): number => Math.max(1, Math.round(ms * stepsPerMs))
  const numbers = (ms: number, count: number): Float64Array => new Float64Array(count).fill(steps(ms))
  const tail = numbers(0.1, 1000)
  tail.fill(steps(2), 950)
  const rows = (count: number) =>
    Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}`, done: id % 2 === 0, value: id / 3 }))
  return [
    workload('number, 1 µs × 20,000', spin, numbers(0.001, 20_000)),
    workload('number, 10 µs × 10,000', spin, numbers(0.01, 10_000)),
    workload('number, 0.1 ms × 100', spin, numbers(0.1, 100)),
    workload('number, 0.1 ms × 2,000', spin, numbers(0.1, 2000)),
    workload('number, 1 ms × 200', spin, numbers(1, 200)),
    workload('number, 0.1 ms × 1,000, the last 5 % 20 × longer', spin, tail),
    workload(
      '1 KB object, 10 µs × 10,000',
      spinRecord,
      Array.from({ length: 10_000 }, () => ({ steps: steps(0.01), text: 'x'.repeat(1000) })),
    ),
    workload(
      '60 KB of rows, 0.1 ms × 300',
      spinRows,
      Array.from({ length: 300 }, () => ({ steps: steps(0.1), rows: rows(500) })),
    ),
    workload(
      '60 KB of rows, 2 ms × 100',
      spinRows,
      Array.from({ length: 100 }, () => ({ steps: steps(2), rows: rows(500) })),
    ),
    workload('waiting, 5 ms × 200', wait, new Float64Array(200).fill(5)),
  ]
}

function workload<T>(name: string, task: (item: T) => unknown, items: ArrayLike<T> & Iterable<T>): Workload {
  return { name, task: task as (item: unknown) => unknown, items }
}

/** Steps of {@link spin} per millisecond: the best of several rounds, because other programs may use the machine, too. */
function measureSteps(): number {
  const steps = 1_000_000
  let bestMs = Infinity
  for (let round = 0; round < 10; round++) {
    const startMs = performance.now()
    spin(steps)
    bestMs = Math.min(bestMs, performance.now() - startMs)
  }
  return steps / bestMs
}
