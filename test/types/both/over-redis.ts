// Several limits, places and groups over Redis.
import { KeyedRateLimiter, pipeline, retry } from 'amorsize'
import { type JobLike, wrapProcessor } from 'amorsize/bullmq'
import {
  type RedisBulkhead,
  redisBulkhead,
  type RedisClient,
  type RedisDecision,
  RedisKeyedRateLimiter,
  type RedisPermit,
  RedisRateLimiter,
} from 'amorsize/redis'

export async function several(client: RedisClient): Promise<boolean> {
  const requests = new RedisRateLimiter(client, { name: 'model/requests', requestsPerSecond: 8 })
  const tokens = new RedisRateLimiter(client, { name: 'model/tokens', requestsPerSecond: 500 })
  const model = RedisRateLimiter.all({ requests, tokens })
  const permit: RedisPermit<'requests' | 'tokens'> = await model.acquire({ requests: 1, tokens: 1200 })
  // @ts-expect-error -- no limit is called so
  await model.tryAcquire({ request: 1 })
  // @ts-expect-error -- several limits are of limiters over Redis
  // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- that it is refused is what is shown
  RedisRateLimiter.all({ requests: { requestsPerSecond: 8 } })
  const seen: RedisDecision = await requests.peek()
  return seen.allowed && (await permit.settle({ tokens: 1875 })) && (await requests.refund(1)) && requests.reset()
}

export async function places(client: RedisClient): Promise<number> {
  const reports: RedisBulkhead = redisBulkhead(client, { name: 'reports', maxConcurrent: 4 })
  // @ts-expect-error -- how many is not said
  redisBulkhead(client, { name: 'reports' })
  return pipeline(retry(), reports).execute(() => 1)
}

interface Mail extends JobLike {
  readonly data: { readonly account: string }
}
const send = async (job: Mail, _token: string | undefined, signal: AbortSignal): Promise<string> =>
  `${job.data.account} ${signal.aborted}`

export const mails = (client: RedisClient): ((job: Mail, token?: string) => Promise<string>) =>
  wrapProcessor(
    {
      keyed: (job) => job.data.account,
      limiter: new RedisKeyedRateLimiter(client, { name: 'accounts', requestsPerSecond: 5 }),
    },
    send,
  )
export const here = wrapProcessor(
  { keyed: (job: Mail) => job.data.account, limiter: new KeyedRateLimiter({ requestsPerSecond: 5, capacity: 100 }) },
  send,
)
// @ts-expect-error -- a group is a key
wrapProcessor({ keyed: (job: Mail) => job.data, limiter: new KeyedRateLimiter({ capacity: 1 }) }, send)
