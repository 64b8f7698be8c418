import { nativeAddon } from '../internal/native.js'
import { subjectOf } from '../internal/text/error-text.js'
import { type Clock, systemClock } from '../internal/time/clock.js'

/** Asks a policy why it belongs to its thread. */
export const WHY_BOUND = Symbol('amorsize.whyBound')

/** What may belong to the thread of a policy. */
interface Belongings {
  /** What it is, for the sentence: 'the bulkhead'. */
  readonly who: string
  readonly name: string | null
  /** Whether the name finds its state. */
  readonly isNameShared?: boolean
  /** Options that are functions, by their names; undefined where they were not given. */
  readonly functions?: Readonly<Record<string, unknown>>
  readonly clock?: Clock
  /** Whether a listener waits for events that only the thread of a call hears. */
  readonly isListenedTo?: boolean
}

/** The first of its belongings that keeps a policy in its thread, as a sentence; undefined if it has none. */
export function whyBound({
  who,
  name,
  isNameShared = false,
  functions = {},
  clock = systemClock,
  isListenedTo = false,
}: Belongings): string | undefined {
  const subject = subjectOf(who, name)
  const own = Object.keys(functions).find((option) => functions[option] !== undefined)
  if (own !== undefined) return `${subject} has ${own}, a function of this thread`
  if (clock !== systemClock) return `${subject} has a clock of its own, which is an object of this thread`
  if (isListenedTo) return `${subject} has a listener in this thread, which would not hear of workers`
  if (isNameShared && name !== null && nativeAddon() === null)
    return `${subject} is shared by its name, which needs the native addon`
  return undefined
}
