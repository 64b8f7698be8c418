import { checkClock, checkOptionalFunction } from '../../internal/options/check-common.js'
import { valueOf } from '../../internal/options/predicate.js'
import { checkKeys, checkNumber } from '../../internal/options/validate.js'
import { throwIfAborted, unlessAborted } from '../../internal/signal-watch.js'
import { type Clock, systemClock } from '../../internal/time/clock.js'
import type { NameScope } from '../../memory/shared/names.js'
import { checkEncodedName } from '../encoded-name.js'
import { watchBody } from '../watched-body.js'
import { exhaustedMs, pauseMsOf } from './answer-limits.js'
import { MODEL_RATES, ModelLimits, type ModelRates, type ModelTokens, type Taken } from './model-limits.js'
import { EventReader, KnownUsage, MOST_CHARACTERS, jsonOf } from './model-usage.js'
import { checkPer } from './origin.js'
import { overFetch } from './over-fetch.js'
import { asFetched, isRequest, letGoIfAborted } from './replay.js'

/** Options of {@link modelFetch}: at least one limit. */
export interface ModelFetchOptions extends ModelRates {
  /** Which calls share the limits, from the parsed body, such as `(body) => body.model`; default: all. At most 1,000 names at a time. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a program knows what it sends
  per?: ((body: any) => string | undefined) | undefined
  /**
   * How many tokens a call will take, from its parsed body: in all, or of either kind. Default: a quarter of its characters, and what it allows for
   * the answer (else 256).
   */
  estimate?: ((body: unknown) => number | ModelTokens) | undefined
  /**
   * How many tokens a call has taken, in all or of either kind, from the parsed answer, or from each event of a stream (the last counts);
   * undefined if it does not say. One that throws is warned of, once, and says nothing then. Default: `usage` as OpenAI and Anthropic write it,
   * or Gemini's `usageMetadata`; of a stream without one, a quarter of the characters of its deltas.
   */
  usage?: ((json: unknown) => number | ModelTokens | undefined) | undefined
  /** Same name, same limits: in every thread, or with `scope: 'machine'` in every process of this user. */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** The function that sends a request; default: the global fetch. */
  fetch?: ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

/** A fetch for the SDKs of model APIs. */
export type ModelFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** Tokens that an answer is assumed to have if the request does not bound it. */
const ANSWER_TOKENS = 256

/**
 * A fetch for the SDKs of OpenAI and Anthropic (their option `fetch`, with `maxRetries: 0`) that keeps to requests and tokens per minute and day, in
 * all threads or processes of one `name`: a call waits for its estimate, and once the answer says what it took, the difference is given
 * back or owed. A streamed call is settled when its stream ends or breaks, a failed one to nothing; one that is aborted counts by its estimate. A 429, 503 or 529 with
 * Retry-After, and a limit that an answer says is used up, pause everybody.
 *
 * The buckets of minutes hold one second's worth: no minute has more beyond the limit than that, or than the largest estimate: one above it waits for a full bucket.
 *
 * @param options - see {@link ModelFetchOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * import OpenAI from 'openai'
 * const client = new OpenAI({
 *   maxRetries: 0,
 *   fetch: modelFetch({
 *     rpm: 500,
 *     tpm: 200_000,
 *     name: 'openai',
 *     scope: 'machine',
 *   }),
 * })
 */
export function modelFetch(options: ModelFetchOptions): ModelFetch {
  checkKeys('modelFetch', options, [...MODEL_RATES, 'per', 'estimate', 'usage', 'name', 'scope', 'fetch', 'clock'])
  const { clock = systemClock } = options
  const place = { ...checkEncodedName(options.name, options.scope), clock: checkClock('clock', clock) }
  const limits = new ModelLimits(options, place)
  const per = checkOptionalFunction('per', options.per)
  const estimate = checkOptionalFunction('estimate', options.estimate)
  const usage = checkOptionalFunction('usage', options.usage)
  const given = checkOptionalFunction('fetch', options.fetch)

  return overFetch<ModelFetch>(given, (send) => async (url, options) => {
    const { input, init } = asFetched(url, options)
    const signal = init?.signal ?? (isRequest(input) ? input.signal : undefined)
    let estimated = NONE
    let taken: Taken
    try {
      const body = await bodyOf(input, init, signal)
      if (body !== undefined) estimated = estimateOf(body, estimate)
      taken = await limits.acquire(body === undefined ? '' : checkPer(per?.(body) ?? ''), estimated, signal)
    } catch (error) {
      letGoIfAborted(signal, input, init)
      throw error
    }
    let response: Response
    try {
      response = await send(input, init)
    } catch (error) {
      // If the caller gives up, the call was sent all the same, and the server continues with it.
      if (signal?.aborted !== true) taken.settle(NONE)
      throw error
    }
    const { status, headers } = response
    const pauseMs = pauseMsOf(status, headers, exhaustedMs(headers, Date.now()))
    if (pauseMs > 0) taken.pauseFor(pauseMs)
    if (!response.ok) {
      taken.settle(NONE)
      return response
    }
    return settledAtEnd(response, new KnownUsage(usage, estimated), (actual) => taken.settle(actual))
  })
}

/** The same response; `ended` gets the tokens that it reported, or the estimate, once its body has ended or broken. */
function settledAtEnd(response: Response, usage: KnownUsage, ended: (tokens: ModelTokens) => void): Response {
  const type = response.headers.get('content-type') ?? ''
  const events = type.startsWith('text/event-stream') ? new EventReader(usage) : undefined
  const decoder = new TextDecoder()
  let text = ''
  const read = (chunk: Uint8Array): void => {
    if (events !== undefined) events.push(chunk)
    else if (text.length < MOST_CHARACTERS) text += decoder.decode(chunk, { stream: true })
  }
  const atEnd = (isWhole: boolean): void => {
    usage.read(jsonOf(text))
    ended(usage.tokens(isWhole && events !== undefined))
  }
  // A file may be of any size and says nothing about tokens.
  const isRead = type === '' || /^text\/|\bjson\b/i.test(type)
  return watchBody(response, atEnd, isRead ? read : undefined)
}

/** The text of a copy. A connection is released once both copies are: this one is, once the signal is aborted. */
async function textOf(copy: Request, signal: AbortSignal | undefined): Promise<string> {
  // Another fetch may have streams of another kind, or none at all.
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

const NONE: ModelTokens = { input: 0, output: 0 }

/** @throws {TypeError | RangeError} when a user's function returns an invalid value */
function estimateOf(body: unknown, own: ModelFetchOptions['estimate']): ModelTokens {
  const { max_tokens, max_completion_tokens, max_output_tokens, generationConfig } = body as Record<string, unknown>
  // The last is Gemini's.
  const { maxOutputTokens } = Object(generationConfig) as { maxOutputTokens?: unknown }
  const bounds = [max_completion_tokens, max_output_tokens, max_tokens, maxOutputTokens]
  const bound = bounds.find((value) => typeof value === 'number' && value > 0)
  const input = Math.ceil(JSON.stringify(body).length / 4)
  if (own === undefined) return { input, output: (bound as number | undefined) ?? ANSWER_TOKENS }
  const tokens: unknown = valueOf(own(body))
  if (typeof tokens !== 'object' || tokens === null || !('input' in tokens)) {
    const all = checkNumber('estimate', tokens, { min: 0 })
    return { input: Math.min(input, all), output: Math.max(0, all - input) }
  }
  const parts = tokens as ModelTokens
  return {
    input: checkNumber('estimate.input', parts.input, { min: 0 }),
    output: checkNumber('estimate.output', parts.output, { min: 0 }),
  }
}
