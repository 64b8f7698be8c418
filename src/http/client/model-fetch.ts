import { checkClock, checkOptionalFunction } from '../../internal/options/check-common.js'
import { valueOf } from '../../internal/options/predicate.js'
import { checkKeys, checkNumber } from '../../internal/options/validate.js'
import { throwIfAborted, unlessAborted } from '../../internal/signal-watch.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import type { NameScope } from '../../memory/shared/names.js'
import { MAX_BURST } from '../../memory/shared/rate.js'
import { RateLimiter } from '../../rate-limit/rate-limiter.js'
import { checkEncodedName, fittingName } from '../encoded-name.js'
import { watchBody } from '../watched-body.js'
import { exhaustedMs, pauseMsOf } from './answer-limits.js'
import { EventReader, KnownUsage, MOST_CHARACTERS, jsonOf } from './model-usage.js'
import { overFetch } from './over-fetch.js'
import { optionsOf } from './origin-policies.js'
import { asFetched, isRequest, letGoIfAborted } from './replay.js'

/** What {@link modelFetch} is made with. */
export interface ModelFetchOptions {
  /** Requests per minute: > 0. */
  rpm: number
  /** Tokens per minute: > 0. */
  tpm: number
  /** How many tokens a call will take, from its parsed body; default: a quarter of its characters, and what it allows for the answer (else 256). */
  estimate?: ((body: unknown) => number) | undefined
  /**
   * How many tokens a call has taken, from the parsed answer, or from each event of a stream (the last number counts); undefined where it
   * does not say. One that throws is warned of, once, and says nothing then. Default: `usage` as OpenAI and Anthropic write it, or Gemini's `usageMetadata`.
   */
  usage?: ((json: unknown) => number | undefined) | undefined
  /** Same name, same limits: in every thread, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  /** Who shares a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** What sends a request; default: the global fetch. */
  fetch?: ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** A fetch for the SDKs of model APIs. */
export type ModelFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** What an answer is taken to have, where the request does not bound it. */
const ANSWER_TOKENS = 256

/**
 * A fetch for the SDKs of OpenAI and Anthropic (their option `fetch`, with `maxRetries: 0`) that keeps to requests and tokens per minute, in
 * all threads or processes of one `name`: a call waits for its estimate, and once the answer says what it took, the difference is given
 * back or owed. A streamed call is settled when its stream ends or breaks, a failed one to nothing; one that is aborted counts by its estimate. A 429, 503 or 529 with
 * Retry-After, and a limit that an answer says is used up, pause everybody.
 *
 * Both buckets hold one second's worth: no minute has more beyond the limit than that, or than the largest estimate: one above it waits for a full bucket.
 *
 * @param options - see {@link ModelFetchOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * import OpenAI from 'openai'
 * const client = new OpenAI({ maxRetries: 0, fetch: modelFetch({ rpm: 500, tpm: 200_000, name: 'openai', scope: 'machine' }) })
 */
export function modelFetch(options: ModelFetchOptions): ModelFetch {
  checkKeys('modelFetch', options, ['rpm', 'tpm', 'estimate', 'usage', 'name', 'scope', 'fetch', 'clock'])
  const rate = { min: 0, exclusiveMin: true, max: MAX_BURST }
  const { name, scope } = checkEncodedName(options.name, options.scope)
  const { clock: source = systemClock } = options
  const clock = checkClock('clock', source)
  const limiterOf = (what: 'rpm' | 'tpm'): RateLimiter => {
    const perSecond = checkNumber(what, options[what], rate) / 60
    const burstSize = Math.max(1, perSecond)
    return new RateLimiter({
      requestsPerSecond: perSecond,
      burstSize,
      clock,
      ...(name === null ? {} : { name: fittingName(`${name}%${what}`), scope }),
    })
  }
  const requests = limiterOf('rpm')
  const tokens = limiterOf('tpm')
  const both = RateLimiter.all({ requests, tokens })
  const most = tokens.policy.burstSize
  const estimate = checkOptionalFunction('estimate', options.estimate) ?? estimateOf
  const usage = checkOptionalFunction('usage', options.usage)
  const given = checkOptionalFunction('fetch', options.fetch)

  // As with a pause, no answer of a server holds everybody up for more than an hour.
  const mostDebt = 3600 * tokens.policy.requestsPerSecond
  const settle = (estimated: number, actual: number): void => {
    if (actual > estimated) tokens.charge(Math.min(actual - estimated, mostDebt))
    else if (actual < estimated) tokens.refund(estimated - actual)
  }

  let behind: Promise<unknown> | undefined
  const admitted = async (estimated: number, signal: AbortSignal | undefined): Promise<void> => {
    const before = behind
    const cost = { requests: 1, ...(estimated > 0 ? { tokens: Math.min(estimated, most) } : {}) }
    const granted = (async () => {
      if (before !== undefined) await before
      await both.acquire(cost, optionsOf(signal))
      if (estimated > most) tokens.charge(estimated - most)
    })()
    // What is beyond a bucket is owed once the call has that: one that waits would wait for its own debt, too. Who comes behind it stands in line then.
    if (estimated > most) behind = Promise.allSettled([before, granted]).then(() => undefined)
    // All wait for what is before them alike, so that they stand in line as they came; who gives up need not wait with them.
    await unlessAborted(granted, signal)
  }

  return overFetch<ModelFetch>(given, (send) => async (url, options) => {
    const { input, init } = asFetched(url, options)
    const signal = init?.signal ?? (isRequest(input) ? input.signal : undefined)
    let estimated = 0
    try {
      const body = await bodyOf(input, init, signal)
      if (body !== undefined) estimated = checkNumber('estimate', valueOf(estimate(body)), { min: 0 })
      await admitted(estimated, signal)
    } catch (error) {
      letGoIfAborted(signal, input, init)
      throw error
    }
    let response: Response
    try {
      response = await send(input, init)
    } catch (error) {
      // What its caller gives up was sent, and the server works on.
      if (signal?.aborted !== true) settle(estimated, 0)
      throw error
    }
    const { status, headers } = response
    const pauseMs = pauseMsOf(status, headers, exhaustedMs(headers, Date.now()))
    if (pauseMs > 0) requests.pauseFor(pauseMs)
    if (!response.ok) {
      settle(estimated, 0)
      return response
    }
    return settledAtEnd(response, new KnownUsage(usage), (actual) => settle(estimated, actual ?? estimated))
  })
}

/** The same response; `ended` gets the tokens that it told of once its body has ended or broken. */
function settledAtEnd(response: Response, usage: KnownUsage, ended: (tokens: number | undefined) => void): Response {
  const type = response.headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream')) {
    const events = new EventReader(usage)
    return watchBody(
      response,
      () => ended(usage.tokens),
      (chunk) => events.push(chunk),
    )
  }
  // A file, which may be of any size, is not kept to look for what it cannot tell.
  if (type !== '' && !/^text\/|\bjson\b/i.test(type)) return watchBody(response, () => ended(undefined))
  const decoder = new TextDecoder()
  let text = ''
  return watchBody(
    response,
    () => {
      usage.read(jsonOf(text))
      ended(usage.tokens)
    },
    (chunk) => {
      if (text.length < MOST_CHARACTERS) text += decoder.decode(chunk, { stream: true })
    },
  )
}

/** The text of a copy. What is behind it is let go of once both are: once the signal is aborted, this one lets go. */
async function textOf(copy: Request, signal: AbortSignal | undefined): Promise<string> {
  // Another fetch may have streams of another kind, or none to be seen.
  const reader = (copy.body as Partial<ReadableStream<Uint8Array>> | undefined)?.getReader?.()
  if (reader === undefined) return unlessAborted(copy.text(), signal)
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await unlessAborted(reader.read(), signal)
      if (done) return text + decoder.decode()
      text += decoder.decode(value, { stream: true })
    }
  } catch (error) {
    reader.cancel(error).catch(() => undefined)
    throw error
  }
}

/** The parsed body; undefined of a call that has none, such as a list of models. */
async function bodyOf(
  input: string | URL | Request,
  init: RequestInit | undefined,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  throwIfAborted(signal)
  const body = init?.body
  if (typeof body === 'string') return jsonOf(body) ?? {}
  if (body === undefined || body === null) {
    if (!isRequest(input) || (input.body ?? null) === null) return undefined
    return jsonOf(await textOf(input.clone(), signal)) ?? {}
  }
  return body instanceof Uint8Array ? (jsonOf(new TextDecoder().decode(body)) ?? {}) : {}
}

interface ModelRequest {
  readonly max_tokens?: unknown
  readonly max_completion_tokens?: unknown
  readonly max_output_tokens?: unknown
  /** Gemini's. */
  readonly generationConfig?: { readonly maxOutputTokens?: unknown } | null
}

function estimateOf(body: unknown): number {
  const { max_tokens, max_completion_tokens, max_output_tokens, generationConfig } = body as ModelRequest
  const bound = [max_completion_tokens, max_output_tokens, max_tokens, generationConfig?.maxOutputTokens].find(
    (value) => typeof value === 'number' && value > 0,
  )
  return Math.ceil(JSON.stringify(body).length / 4) + ((bound as number | undefined) ?? ANSWER_TOKENS)
}
