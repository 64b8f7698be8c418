import { nativeAddon } from '../internal/native.js'
import { subjectOf } from '../internal/text/error-text.js'
import { type Clock, systemClock } from '../internal/time/clock.js'

/** Asks a policy why it belongs to its thread. */
export const WHY_BOUND = Symbol('amorsize.whyBound')

/** Options and objects that may bind a policy to its thread. */
interface Belongings {
  /** The subject of the sentence, such as 'the bulkhead'. */
  readonly who: string
  readonly name: string | null
  /** Whether other threads find its state by the name. */
  readonly isNameShared?: boolean
  /** Options that are functions, by their names; undefined if not given. */
  readonly functions?: Readonly<Record<string, unknown>>
  readonly clock?: Clock
  /** Whether it has a listener for events that only the thread of a call receives. */
  readonly isListenedTo?: boolean
}

/** The first reason why a policy must stay in its thread, as a sentence; undefined if there is none. */
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
