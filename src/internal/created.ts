import { builtins } from './builtins.js'
import { lazy } from './lazy.js'

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

const channel = lazy(() => builtins.diagnosticsChannel.channel(CREATED))

/** Tells whoever listens that `object` has been made. Without a listener it costs a comparison. */
export function announceCreated(object: object, kind: string, name: string | null): void {
  const created = channel()
  if (!created.hasSubscribers) return
  const message: Created = { object, kind, name }
  created.publish(message)
}
