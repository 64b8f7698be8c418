import { KeyedRateLimiter, rateLimit, RateLimiter, withRateLimit } from 'amorsize'
import type { RedisKeyedRateLimiter } from 'amorsize/redis'

interface Request {
  readonly ip: string
}

const perCaller = new KeyedRateLimiter({ requestsPerSecond: 5, capacity: 1000 })

export class Api {
  @withRateLimit({ keyed: (id: number) => id, capacity: 100 })
  async load(id: number, fresh = false): Promise<string> {
    return `${id} ${fresh}`
  }

  @withRateLimit({ keyed: (request: Request) => request.ip, limiter: perCaller })
  async answer(request: Request): Promise<string> {
    return request.ip
  }

  @withRateLimit({ requestsPerSecond: 5 })
  async plain(): Promise<number> {
    return 1
  }
}

export const answer: (request: Request) => Promise<string> = withRateLimit({
  keyed: (request: Request) => request.ip,
  capacity: 10,
})((request: Request) => request.ip)
// A key function without annotations takes whatever the function does.
export const loose = withRateLimit({ keyed: (request) => request.ip as string, capacity: 10 })(
  async (request: Request) => request.ip,
)
export const limiterOfGuard: KeyedRateLimiter = answer2().policy.limiter
export function overRedis(limiter: RedisKeyedRateLimiter): RedisKeyedRateLimiter {
  return withRateLimit({ keyed: (request: Request) => request.ip, limiter }).policy.limiter
}

export const own: KeyedRateLimiter = withRateLimit({ keyed: (id: number) => id, capacity: 10 }).policy.limiter

export const plain: RateLimiter = withRateLimit({ requestsPerSecond: 5 }).policy

function answer2() {
  return withRateLimit({ keyed: (request: Request) => request.ip, capacity: 10 })((request: Request) => request.ip)
}

export const all = RateLimiter.all({ rpm: { requestsPerSecond: 1 }, perCaller, other: new RateLimiter() })
export const granted = all.tryAcquire({ rpm: 1, perCaller: { key: '::1', tokens: 2 }, other: 1 })

export function refused(limiter: RedisKeyedRateLimiter): void {
  // @ts-expect-error -- the key function takes another parameter than the function
  withRateLimit({ keyed: (id: number) => id, capacity: 10 })(async (name: string) => name)
  // @ts-expect-error -- the key function wants more than the function is given
  withRateLimit({ keyed: (id: number, name: string) => name + String(id), capacity: 10 })(async (id: number) => id)
  // @ts-expect-error -- no capacity
  withRateLimit({ keyed: (id: number) => id })
  // @ts-expect-error -- a limiter by key is no options, also where it has a name
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- that it is refused is what is shown
  rateLimit(limiter)
  // @ts-expect-error -- as above
  withRateLimit(limiter)
  // @ts-expect-error -- a date is no key
  withRateLimit({ keyed: (at: Date) => at, capacity: 10 })
  // @ts-expect-error -- a keyed limit needs a key
  all.tryAcquire({ perCaller: 1 })
  // @ts-expect-error -- a plain limit has none
  all.tryAcquire({ rpm: { key: 1 } })
  // @ts-expect-error -- keys are strings, numbers and bigints
  perCaller.tryAcquire(true)
}
