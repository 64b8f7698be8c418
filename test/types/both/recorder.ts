import { guardFactory } from '../../../dist/decorators/guard.js'
import {
  type ExecuteOptions,
  type Policy,
  type PolicyFunction,
  type Wrapped,
  wrapWithPolicy,
} from '../../../dist/internal/policy.js'

/** A policy that does nothing but count, so that these files test the guards alone. */
export class Recorder implements Policy {
  readonly kind = 'recorder'
  readonly label: string
  readonly log: string[]
  calls = 0

  constructor(options: { label?: string; log?: string[] } = {}) {
    this.label = options.label ?? 'default'
    this.log = options.log ?? []
  }

  async execute<T>(fn: PolicyFunction<T>, options: ExecuteOptions = {}): Promise<T> {
    this.calls++
    this.log.push(this.label)
    return fn({ signal: options.signal ?? new AbortController().signal })
  }

  wrap<F extends (...args: never[]) => unknown>(fn: F): Wrapped<F> {
    return wrapWithPolicy(this, fn)
  }
}

export const withRecorder = guardFactory({
  name: 'withRecorder',
  kind: 'recorder',
  create: (options?: { label?: string; log?: string[] }) => new Recorder(options),
})
