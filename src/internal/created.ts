import { diagnostics } from './events/diagnostics.js'

/** The diagnostics channel of {@link Created}. */
export const CREATED = 'amorsize:created'

/** A limiter or policy that has just been made in this thread. */
export interface Created {
  readonly object: object
  /** E.g. 'limiter', 'retry', 'circuit-breaker'. */
  readonly kind: string
  /** Its option `name`, or null. */
  readonly name: string | null
}

/** Publishes that `object` has been made. Without a subscriber this costs next to nothing. */
export function announceCreated(object: object, kind: string, name: string | null): void {
  const created = diagnostics.loaded?.channel(CREATED)
  if (created?.hasSubscribers !== true) return
  const message: Created = { object, kind, name }
  created.publish(message)
}
