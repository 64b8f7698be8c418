import {
  type Bulkhead,
  bulkhead,
  type CircuitBreaker,
  circuitBreaker,
  withBulkhead,
  withCircuitBreaker,
} from 'amorsize'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only where the type argument is `true`. */
function assertType<T extends true>(): T | undefined {
  return undefined
}

const breaker = circuitBreaker({ window: { calls: 10, failureRate: 0.5 } })
const slots = bulkhead({ maxConcurrent: 2 })

export class Service {
  @withCircuitBreaker
  async bare(): Promise<number> {
    return 1
  }

  @withCircuitBreaker({
    failureThreshold: 3,
    isFailure: (error) => error instanceof RangeError,
    onOpen: ({ state }) => state === 'open',
  })
  async load(id: number, fresh = false): Promise<string> {
    return `${id} ${fresh}`
  }

  @withCircuitBreaker(breaker)
  @withBulkhead(slots)
  async both(id: number): Promise<number> {
    return id
  }

  @withBulkhead
  async bareSlots(): Promise<number> {
    return 2
  }

  @withBulkhead({ maxConcurrent: 4, maxQueue: 10, maxWaitMs: 100 })
  async query(text: string): Promise<string> {
    return text
  }
}

export const guarded = withCircuitBreaker({ resetTimeoutMs: 1000 })((id: number): number => id)
assertType<Equal<Parameters<typeof guarded>, [id: number]>>()
assertType<Equal<ReturnType<typeof guarded>, Promise<number>>>()
assertType<Equal<typeof guarded.policy, CircuitBreaker>>()

export const limited = withBulkhead(async (text: string): Promise<string> => text)
assertType<Equal<ReturnType<typeof limited>, Promise<string>>>()
assertType<Equal<typeof limited.policy, Bulkhead>>()

export function refused(): void {
  // @ts-expect-error -- an unknown option
  withCircuitBreaker({ failureTreshold: 3 })
  // @ts-expect-error -- a policy of another kind
  withCircuitBreaker(slots)
  // @ts-expect-error -- options of the wrong type
  withBulkhead({ maxConcurrent: '2' })
  // @ts-expect-error -- a policy of another kind
  withBulkhead(breaker)
  // @ts-expect-error -- the name stays
  breaker.update({ window: { calls: 5 }, name: 'users-api' })
  // @ts-expect-error -- the parameters are those of the function
  guarded('1').catch(String)
}
