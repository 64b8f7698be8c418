/**
 * How long an error or result asks callers to stay away: its own `retryAfterMs`, or a Retry-After header (seconds or a date, or
 * `retry-after-ms`) on it or on its `response`, as fetch, undici, got and axios put it.
 *
 * @param outcome - what a call threw or returned
 * @returns milliseconds >= 0, Infinity for "never", or null where nothing is asked
 */
export function retryAfterMsOf(outcome: unknown): number | null {
  if (typeof outcome !== 'object' || outcome === null) return null
  const own = (outcome as { retryAfterMs?: unknown }).retryAfterMs
  if (typeof own === 'number' && own >= 0) return own
  const headers =
    (outcome as { headers?: unknown }).headers ??
    (outcome as { response?: { headers?: unknown } | null }).response?.headers
  if (typeof headers !== 'object' || headers === null) return null

  const milliseconds = Number(readHeader(headers, 'retry-after-ms') ?? NaN)
  if (milliseconds >= 0) return milliseconds
  const text = readHeader(headers, 'retry-after')?.trim()
  if (text === undefined || text === '') return null
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  const dateMs = Date.parse(text)
  if (Number.isNaN(dateMs)) return null
  // The server's own idea of now makes the two dates comparable, however wrong this machine's clock is.
  const serverNowMs = Date.parse(readHeader(headers, 'date') ?? '')
  return Math.max(0, dateMs - (Number.isNaN(serverNowMs) ? Date.now() : serverNowMs))
}

function readHeader(headers: object, name: string): string | undefined {
  const get = (headers as { get?: unknown }).get
  const value: unknown =
    typeof get === 'function' ? Reflect.apply(get, headers, [name]) : (headers as Record<string, unknown>)[name]
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' ? first : typeof first === 'number' ? String(first) : undefined
}
