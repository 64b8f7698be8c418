import { messageOf } from './text/error-text.js'

/** GLIDE's form of a server's error: `An error was signalled by the server: - ReadOnly: …`. */
const BY_GLIDE = /^An error was signalled by the server: - (\w+?)(?:Error)?: /
const BY_SERVER = /^([A-Z]{3,})[ :]/

/** The first word of an error from a Redis or Valkey server, which is its kind; undefined if the error is not from the server. */
function wordOf(message: string): string | undefined {
  return BY_GLIDE.exec(message)?.[1]?.toUpperCase() ?? BY_SERVER.exec(message)?.[1]
}

/** Kinds of errors that pass by themselves. */
const PASSING = /^(LOADING|BUSY\w*|TRYAGAIN|MOVED|ASK|CLUSTERDOWN|MASTERDOWN|NOSCRIPT)$/

/** The kind of an error that a server will keep giving, such as `WRONGPASS`; undefined for one that passes or is not from the server. */
export function lastingKind(message: string): string | undefined {
  const word = wordOf(message)
  return word === undefined || PASSING.test(word) ? undefined : word
}

/** Codes of a server that cannot serve a request now: it lacks memory, disk, replicas or a master, or is starting. */
const NOT_NOW = /^(OOM|MISCONF|NOREPLICAS|READONLY|LOADING|BUSY\w*|TRYAGAIN|CLUSTERDOWN|MASTERDOWN)$/

/** Whether the server refused a request for a reason other than the request itself. */
export function isNotNow(message: string): boolean {
  return NOT_NOW.test(wordOf(message) ?? '')
}

/**
 * Gives a process warning if a server refuses a request and may refuse the next ones, too.
 *
 * @param whose - the server's purpose, such as 'a rate limit'
 * @param reported - kinds of errors that were reported; this one is added
 */
export function warnOfRefusal(error: unknown, whose: string, reported: Set<string>): void {
  const message = wordsOf(error)
  const kind = lastingKind(message)
  if (kind === undefined || reported.has(kind)) return
  reported.add(kind)
  process.emitWarning(`the server of ${whose} refuses what it is asked: ${message}`, {
    type: 'AmorsizeWarning',
    code: 'AMORSIZE_REDIS_REFUSED',
  })
}

/** The error's message; if an ioredis cluster has wrapped a server's error in its own, the server's message. */
function wordsOf(error: unknown): string {
  const { lastNodeError } = Object(error) as { readonly lastNodeError?: unknown }
  return messageOf(lastNodeError instanceof Error ? lastNodeError : error)
}

/** Drops the command from the error of a refused login: ioredis attaches it with the password, which must not get into logs. */
export function withoutPassword(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { command } = error as { readonly command?: { readonly name?: unknown } }
  if (!/^(auth|hello)$/i.test(String(command?.name))) return error
  const { name, message, stack } = error
  return Object.defineProperties(new Error(message), { name: { value: name }, stack: { value: stack } })
}
