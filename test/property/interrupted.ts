import fc from 'fast-check'

export const SECOND_NS = 1_000_000_000n
/** When what is interrupted reads its clock; the others do so then or later. */
const NOW_NS = 50n * SECOND_NS

export type Operation<K extends string> = readonly [kind: K, number: number]

/** What one thread knows of a subject in shared memory. */
export interface User<K extends string> {
  /** The same knowledge of a copy of the subject. */
  on(words: BigInt64Array): User<K>
  /** Returns what the thread is told; {@link BUSY} if it has done nothing, since another was at it. */
  apply(nowNs: bigint, operation: Operation<K>): unknown
  /** What counts of the subject. */
  state(nowNs: bigint): unknown
}

export const BUSY = 'busy'

/** What threads have come to, and which of them is interrupted in what, by which operations of the other. */
interface Interruption<K extends string> {
  readonly words: BigInt64Array
  readonly users: readonly [User<K>, User<K>]
  readonly operation: Operation<K>
  readonly others: readonly Operation<K>[]
  /** How much later the others read their clock. */
  readonly laterNs: bigint
}

type Step = 'load' | 'store' | 'add' | 'and' | 'exchange' | 'compareExchange'
const STEPS: readonly Step[] = ['load', 'store', 'add', 'and', 'exchange', 'compareExchange']

/** Runs `work`, and `other` just before its step `at` on shared memory; says whether it had so many. */
export function interrupt(work: () => void, at: number, other: () => void): boolean {
  const atomics = Atomics as unknown as Record<Step, (...given: unknown[]) => unknown>
  const originals = STEPS.map((name) => [name, atomics[name]] as const)
  let step = 0
  for (const [name, original] of originals) {
    atomics[name] = (...given) => {
      if (step++ === at) other()
      return original(...given)
    }
  }
  try {
    work()
  } finally {
    for (const [name, original] of originals) atomics[name] = original
  }
  return step > at
}

const shown = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))

function expectOneAfterTheOther<K extends string>(interruption: Interruption<K>): void {
  const { words, users, operation, others, laterNs } = interruption
  const doers = [() => operation, ...others.map((other) => () => other)]
  type Doer = (typeof doers)[number]
  const play = (run: (does: (doer: Doer) => void) => unknown, skipped: ReadonlySet<Doer> = new Set()) => {
    const copy = new BigInt64Array(words)
    const [mine, theirs] = [users[0].on(copy), users[1].on(copy)]
    const told = new Map<Doer, unknown>()
    const result = run((doer) => {
      if (skipped.has(doer)) told.set(doer, BUSY)
      else told.set(doer, doer === doers[0] ? mine.apply(NOW_NS, doer()) : theirs.apply(NOW_NS + laterNs, doer()))
    })
    return { result, told, outcome: shown([doers.map((doer) => told.get(doer)), theirs.state(NOW_NS + laterNs)]) }
  }
  const [work, ...rest] = doers
  for (let step = 0; ; step++) {
    const { result, told, outcome } = play((does) =>
      interrupt(
        () => does(work!),
        step,
        () => rest.forEach(does),
      ),
    )
    if (result === false) return
    // What was done in vain counts as if it had never been.
    const inVain = new Set(doers.filter((doer) => told.get(doer) === BUSY))
    const orders = [doers, [...rest, work!]].map((order) => play((does) => order.forEach(does), inVain).outcome)
    if (!orders.includes(outcome))
      throw new Error(`at step ${step}:\n${outcome}\nwhere one after the other has\n${orders.join('\n')}`)
  }
}

/**
 * Whatever another thread does between any two steps of an operation, all are told, and leave behind, what they would have been told and left one
 * after the other.
 *
 * @param make - a subject, and two threads that use it
 * @param mostOthers - operations of the other thread, which are of `otherKinds`
 */
export function expectNoInterruptionSeen<K extends string, P>(
  parameters: fc.Arbitrary<P>,
  make: (parameters: P, startNs: bigint) => Pick<Interruption<K>, 'words' | 'users'>,
  kinds: readonly K[],
  {
    later = [0n],
    mostOthers = 6,
    otherKinds = kinds,
  }: { later?: readonly bigint[]; mostOthers?: number; otherKinds?: readonly K[] } = {},
): void {
  const operationsOf = (some: readonly K[]): fc.Arbitrary<Operation<K>> =>
    fc.tuple(fc.constantFrom(...some), fc.integer({ min: 1, max: 6 }))
  const operations = operationsOf(kinds)
  fc.assert(
    fc.property(
      parameters,
      fc.array(operations, { maxLength: 20 }),
      operations,
      fc.array(operationsOf(otherKinds), { minLength: 1, maxLength: mostOthers }),
      fc.constantFrom(...later),
      (asked, script, operation, others, laterNs) => {
        const { words, users } = make(asked, NOW_NS - 3n * SECOND_NS)
        script.forEach((each, index) => {
          users[index % 2]!.apply(NOW_NS - (BigInt(script.length - index) * SECOND_NS) / 10n, each)
        })
        expectOneAfterTheOther({ words, users, operation, others, laterNs })
      },
    ),
    { numRuns: 500, seed: 1 },
  )
}
