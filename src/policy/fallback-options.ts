import { clockOption, functionOption, nameOption, type OptionTable } from '../internal/options/options.js'
import type { Clock } from '../internal/time/clock.js'

/** Options of `fallback`. */
export interface FallbackOptions {
  /** Whether an error is to be replaced, at once or by a promise; default: every one but an abort by the caller. */
  readonly if?: ((error: unknown) => boolean | PromiseLike<boolean>) | undefined
  /** Called each time a substitute is given. `level` counts from 0. */
  readonly onDegraded?: ((error: unknown, level: number) => void) | undefined
  /** For events. */
  readonly name?: string | undefined
  /** For tests: events report by it how long calls took; default: the monotonic clock. A fallback never waits. */
  readonly clock?: Clock | undefined
}

/** Every option of {@link FallbackOptions}. */
export const FALLBACK_OPTIONS = {
  if: functionOption<NonNullable<FallbackOptions['if']>>(),
  onDegraded: functionOption<NonNullable<FallbackOptions['onDegraded']>>(),
  name: nameOption,
  clock: clockOption,
} as const satisfies OptionTable<FallbackOptions>
