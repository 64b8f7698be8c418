import { describe } from '../internal/validate.js'
import type { RunRecorder } from '../records/recorder.js'

export const CARRY = Symbol('amorsize.carry')

/**
 * Carries out one run in the place of this process. It is told of items as a recorder is, and closed with the others before the run ends.
 *
 * @typeParam R - the run; its file knows this one, and not the other way round
 */
export interface RunCarrier<R> extends RunRecorder {
  /** The run begins: its items are in the supply. */
  carry(run: R): void
}

/** Makes carriers, each for one run. */
export interface Carrying<Beginning, R> {
  [CARRY](beginning: Beginning): RunCarrier<R>
}

/** Where a run is carried out instead of in this process; `bullmq()` of `amorsize/bullmq` makes one. */
export interface Elsewhere {
  /** What marks it as such. */
  readonly kind: 'amorsize.elsewhere'
  /** @internal A {@link Carrying}. */
  readonly [CARRY]: unknown
}

/** Returns `value` if it is such a place. @throws {TypeError} otherwise */
export function checkElsewhere(name: string, value: Elsewhere): Elsewhere {
  const carry: unknown = (value as Partial<Elsewhere> | null)?.[CARRY]
  if (typeof carry !== 'function')
    throw new TypeError(`${name} must be what bullmq() of 'amorsize/bullmq' returned; received ${describe(value)}`)
  return value
}

/** Options that say how this process works, which somebody else does now. */
export const ONLY_HERE = [
  'workers',
  'chunkSize',
  'mode',
  'prefer',
  'targetChunkMs',
  'maxMemoryPerWorker',
  'policies',
  'adjustForLoad',
  'mainThread',
  'degrade',
  'onDegraded',
] as const
