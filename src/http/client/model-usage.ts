import { warnings } from '../../internal/events/warnings.js'
import { attempt } from '../../internal/attempt.js'
import { valueOf } from '../../internal/options/predicate.js'
import { stackOf } from '../../internal/text/error-text.js'
import type { ModelTokens } from './model-limits.js'

/** The token counts in an answer of OpenAI, of Anthropic, and of services that answer like one of them. Gemini has names of its own. */
type Usage = Readonly<Record<string, unknown>>

interface Answer {
  readonly usage?: Usage | null
  /** Anthropic's first event of a stream. */
  readonly message?: { readonly usage?: Usage | null } | null
  /** OpenAI's last event of a stream of responses. */
  readonly response?: { readonly usage?: Usage | null } | null
  /** Gemini's answer, and each event of its streams. */
  readonly usageMetadata?: { readonly totalTokenCount?: unknown; readonly promptTokenCount?: unknown } | null
  /** The text of an event: Anthropic's and OpenAI's responses, OpenAI's chats, Gemini's. */
  readonly delta?: unknown
  readonly choices?: unknown
  readonly candidates?: unknown
}

/** The tokens of a call as far as they are known; a stream reports them bit by bit. */
export class KnownUsage {
  readonly #own: ((json: unknown) => number | ModelTokens | undefined) | undefined
  readonly #estimated: ModelTokens
  #total: number | undefined = undefined
  #input = 0
  #output = 0
  /** Characters of the answer. */
  #characters = 0

  /** @param own - the user's function, if there is one */
  constructor(own: ((json: unknown) => number | ModelTokens | undefined) | undefined, estimated: ModelTokens) {
    this.#own = own
    this.#estimated = estimated
  }

  /** Tokens so far: as they were reported, else by the deltas of a stream that is `whole`, else as estimated. */
  tokens(whole: boolean): ModelTokens {
    const { input, output } = this.#estimated
    const known = { input: this.#input, output: this.#output }
    if (this.#total !== undefined) {
      // Tokens of neither part, such as those of a model's thinking, belong to the answer.
      const part = known.input > 0 ? known.input : Math.min(input, this.#total)
      return { input: Math.min(part, this.#total), output: Math.max(0, this.#total - part) }
    }
    if (known.input + known.output > 0) return known
    return { input, output: whole && this.#characters > 0 ? Math.ceil(this.#characters / 4) : output }
  }

  /** Reads an answer, or an event of a stream. */
  read(json: unknown): void {
    if (typeof json !== 'object' || json === null) return
    if (this.#own !== undefined) {
      const tokens = ownTokens(this.#own, json)
      if (isCount(tokens)) this.#total = tokens
      const { input, output } = Object(tokens) as Partial<ModelTokens>
      if (isCount(input) && isCount(output)) [this.#input, this.#output] = [input, output]
    }
    // If a stream of Gemini was not requested as events, it is one array, whose last item counts.
    const answer = ((Array.isArray(json) ? json.at(-1) : json) ?? {}) as Answer
    this.#characters += lengthOf([
      answer.delta,
      deltasOf(answer.choices, 'delta'),
      deltasOf(answer.candidates, 'content'),
    ])
    if (this.#own !== undefined) return
    const { usage, message, response, usageMetadata } = answer
    if (isCount(usageMetadata?.totalTokenCount)) this.#total = usageMetadata.totalTokenCount
    this.#input = Math.max(this.#input, count(usageMetadata?.promptTokenCount))
    for (const each of [usage, message?.usage, response?.usage])
      if (typeof each === 'object' && each !== null) this.#add(each)
  }

  #add(usage: Usage): void {
    const { total_tokens, input_tokens, cache_creation_input_tokens, prompt_tokens } = usage
    if (isCount(total_tokens)) this.#total = total_tokens
    // Later events of a stream repeat, or replace, the numbers of earlier ones.
    this.#input = Math.max(this.#input, count(input_tokens) + count(cache_creation_input_tokens), count(prompt_tokens))
    this.#output = Math.max(this.#output, count(usage['output_tokens']), count(usage['completion_tokens']))
  }
}

function deltasOf(list: unknown, what: 'delta' | 'content'): unknown[] {
  return Array.isArray(list) ? list.map((each: Record<string, unknown> | null) => each?.[what]) : []
}

/** Fields that hold no text of an answer. */
const NO_TEXT: ReadonlySet<string> = new Set(['role', 'type', 'id', 'stop_reason', 'stop_sequence', 'signature'])

/** The characters of all texts in a delta, as deep as one of them goes. */
function lengthOf(delta: unknown, depth = 8): number {
  if (typeof delta === 'string') return delta.length
  if (typeof delta !== 'object' || delta === null || depth === 0) return 0
  return Object.entries(delta).reduce(
    (sum, [name, value]) => (NO_TEXT.has(name) ? sum : sum + lengthOf(value, depth - 1)),
    0,
  )
}

/** The result of the user's function; undefined if it throws, since the caller gets the answer in any case. */
function ownTokens(own: (json: unknown) => unknown, json: unknown): unknown {
  try {
    return valueOf(own(json))
  } catch (error) {
    warnings.once(
      'AMORSIZE_HTTP_USAGE_FAILED',
      `usage failed: the call counts by its other answers, or by the estimate. ${stackOf(error)}`,
    )
    return undefined
  }
}

/** No more of a line, or of a body that is no stream, is kept to look for tokens in it. */
export const MOST_CHARACTERS = 2 ** 24

/** Reads the events of a stream as they pass: lines `data: {…}`, cut anywhere. */
export class EventReader {
  readonly #decoder = new TextDecoder()
  readonly #usage: KnownUsage
  #rest = ''

  constructor(usage: KnownUsage) {
    this.#usage = usage
  }

  push(chunk: Uint8Array): void {
    // Only new text is searched: a line with an image may have megabytes.
    const [end = '', ...begun] = this.#decoder.decode(chunk, { stream: true }).split(/\r\n|\r|\n/)
    // A blank begins no event: the rest of a line that is too long is ignored.
    this.#rest = this.#rest.length > MOST_CHARACTERS ? ' ' : this.#rest + end
    for (const next of begun) {
      if (/^data: *\{/.test(this.#rest)) this.#usage.read(jsonOf(this.#rest.slice(5)))
      this.#rest = next
    }
  }
}

/** The value of `text`; undefined if it is no JSON. */
export function jsonOf(text: string): unknown {
  return attempt((): unknown => JSON.parse(text))
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}

function count(value: unknown): number {
  return isCount(value) ? value : 0
}
