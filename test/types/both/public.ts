import {
  type EventfulPolicy,
  execute,
  fallback,
  Lease,
  pipeline,
  RateLimiter,
  RateLimiterAll,
  type RecorderOptions,
  type Retry,
  type RetryEvents,
  retry,
  type StagedPolicy,
  stream,
  task,
  timeout,
  withFallback,
  withPolicy,
  withRetry,
  withTimeout,
} from 'amorsize'

const resilient = pipeline(fallback([]), timeout(1000), retry({ maxRetries: 2, initialDelayMs: 0 }))
export const shared = retry({ maxRetries: 1, initialDelayMs: 0 })

/** What exported classes and options are made of can be named. */
export const heard = (policy: EventfulPolicy<RetryEvents>): StagedPolicy => policy
export const recorded: RecorderOptions = { progress: false }
export const hears = heard(shared)

export class Service {
  calls = 0

  @withRetry
  async bareRetry(): Promise<number> {
    return ++this.calls
  }

  @withTimeout
  async bareTimeout(): Promise<number> {
    return ++this.calls
  }

  @withFallback
  async bareFallback(): Promise<number | undefined> {
    throw new Error('always')
  }

  @withTimeout(1000, { strategy: 'cooperative' })
  @withRetry({ maxRetries: 3, initialDelayMs: 0, retryIf: (error) => error instanceof RangeError })
  async flaky(failures: number): Promise<number> {
    if (++this.calls <= failures) throw new RangeError(`call ${this.calls}`)
    return this.calls
  }

  @withTimeout({ timeoutMs: 1 })
  async slow(): Promise<void> {
    return new Promise(() => undefined)
  }

  @withFallback((error: unknown) => [String(error)], { if: (error) => error instanceof RangeError })
  async list(): Promise<string[]> {
    throw new RangeError('no list')
  }

  @withRetry(shared)
  async shared(): Promise<number> {
    if (++this.calls < 2) throw new Error('again')
    return this.calls
  }

  @withPolicy(resilient)
  async any(): Promise<string[]> {
    throw new Error('any')
  }
}

export const load = withTimeout(1000)(
  withRetry({ initialDelayMs: 0 })(async (id: number): Promise<string> => `user ${id}`),
)
export const inner: Retry = withRetry(load).policy
export const spare = withFallback('spare')((fail: boolean): string => {
  if (fail) throw new Error('fail')
  return 'real'
})

interface Answer {
  readonly status: number
}
// What the calls return is what `retryIfResult` sees.
export const answers = retry<Answer>({ retryIfResult: ({ status }, { attempt }) => status === 503 && attempt < 3 })
export const guarded = withRetry({ retryIfResult: (answer: Answer) => answer.status === 503 })(
  async (status: number): Promise<Answer> => ({ status }),
)

// A lease and limits put together are made by a limiter.
export const lease: Lease = new RateLimiter().lease()
export const all: RateLimiterAll<'rpm'> = RateLimiter.all({ rpm: {} })

/** Only compiled, never called. */
export function accepted(): Promise<unknown>[] {
  // A fallback gives its own type beside the call's; a function gives what it returns, or what its promise holds.
  const valueOrCall: Promise<string | number> = fallback(1).execute(async () => 'a')
  const madeOrCall: Promise<string | null> = fallback(async () => null).execute(() => 'a')
  const byError: Promise<string | Date> = fallback((error, { signal }) => {
    signal.throwIfAborted()
    return new Date(String(error))
  }).execute(() => 'a')
  const kept: Promise<Answer> = guarded(503)
  // So does a function that it guards, by itself or as the outermost of a pipeline.
  const wrapped: Promise<string | null> = fallback(null).wrap(async (id: number) => `user ${id}`)(1)
  const composed = pipeline(fallback(null), retry(), timeout(1000))
  const byPipeline: Promise<string | null> = composed.execute(async () => 'a', { priority: 9 })
  const wrappedByPipeline: Promise<string | null> = composed.wrap((id: number) => `user ${id}`)(1)
  // What the call may give anyway adds nothing: the type is kept whole.
  const same: <T>(value: T) => Promise<T[]> = pipeline(fallback([])).wrap(async <T>(value: T) => [value])
  const plain: Promise<string> = pipeline(retry(), timeout(1000)).execute(async () => 'a')
  const otherError = (error: unknown): never => {
    throw new Error('none', { cause: error })
  }
  const failing: Promise<string> = pipeline(fallback(otherError), retry()).execute(async () => 'a')
  return [valueOrCall, madeOrCall, byError, kept, wrapped, byPipeline, wrappedByPipeline, same(1), plain, failing]
}

export function refused(): void {
  // @ts-expect-error -- the substitute is no string
  const text: Promise<string> = fallback(1).execute(async () => 'a')
  text.catch(String)
  // @ts-expect-error -- it may be null
  const user: Promise<string> = pipeline(fallback(null), retry()).wrap(async () => 'a')()
  user.catch(String)
  const found: string[] = []
  // @ts-expect-error -- it may be undefined
  const first: Promise<string> = pipeline(
    fallback(() => found.at(0)),
    retry(),
  ).execute(async () => 'a')
  first.catch(String)
  // @ts-expect-error -- an answer has a status, which is a number
  retry<Answer>({ retryIfResult: ({ status }) => status === 'busy' })
  // @ts-expect-error -- no answer of an untyped retry is known
  retry({ retryIfResult: (answer) => answer.status === 503 })
  // @ts-expect-error -- made by `limiter.lease()`
  new Lease()
  // @ts-expect-error -- made by `RateLimiter.all()`
  new RateLimiterAll(new Map())
  // @ts-expect-error -- no number
  load('1').catch(String)
  // @ts-expect-error -- unknown option
  withRetry({ retries: 1 })
  // @ts-expect-error -- a timeout is no retry
  withRetry(timeout(1))
  // @ts-expect-error -- no time
  withTimeout('1s')
  // @ts-expect-error -- the function to guard goes to the guard
  withFallback('x', () => 1)
}

const measure = async (text: string): Promise<number> => text.length

/** Only compiled, not called. */
export async function lengths(): Promise<readonly number[]> {
  const all: number[] = await execute(task(import.meta.url, measure), ['a'])
  const named: number[] = await execute(task<string, number>(import.meta.url, 'measure'), ['a'])
  for await (const one of stream(task(import.meta.url, measure), ['a'])) all.push(one + 1)
  await execute((n: number) => n, new Float64Array(1))
  // @ts-expect-error -- what has a length and indices only is no source
  await execute((n: number) => n, { length: 1, 0: 5 })
  // @ts-expect-error -- the function takes no numbers
  await execute(task(import.meta.url, measure), [1])
  return [...all, ...named]
}
