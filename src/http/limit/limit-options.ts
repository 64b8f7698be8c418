import { checkOptionalFunction } from '../../internal/options/check-common.js'
import {
  booleanOption,
  clockOption,
  functionOption,
  namesOf,
  numberOption,
  option,
  type OptionTable,
  rawOption,
  type ReadOptions,
  readValues,
  wordOption,
} from '../../internal/options/options.js'
import { checkKeys } from '../../internal/options/validate.js'
import type { Clock } from '../../internal/time/clock.js'
import type { Key } from '../../memory/keyed/key.js'
import { MAX_CAPACITY } from '../../memory/keyed/table.js'
import type { NameScope } from '../../memory/shared/names.js'
import { checkEncodedName } from '../encoded-name.js'
import { allowList, DEFAULT_IPV6_PREFIX } from './addresses.js'
import {
  type CompleteLimit,
  given,
  type HttpLimit,
  KINDS,
  limitsOf,
  SINGLE,
  type SingleLimitOptions,
} from './limit-kinds.js'
import type { RateHeaders } from './rate-headers.js'

/** Options of the limits of a server of any framework. */
export interface HttpLimitOptions<Request> extends SingleLimitOptions<Request> {
  /** The limits by name, at least one; or in their place the options of a single one. If one refuses, none is charged. A name is printable ASCII, at most 64 characters; headers tell it. */
  limits?: Readonly<Record<string, HttpLimit<Request>>> | undefined
  /**
   * Same name, same counts: in every thread of the process, or with `scope: 'machine'` in every process of this user, such as the workers
   * of a cluster. Any characters. Without one, the counts are this object's alone.
   */
  name?: string | undefined
  /** The threads that share a `name`: all threads of this process (default), or all processes of this user on this machine. */
  scope?: NameScope | undefined
  /** How many keys each limit counts at the same time. An integer from 1 to 1e8, at 24 bytes per key, taken at once; default 100,000. */
  capacity?: number | undefined
  /** A new key that finds no room: 'evict' (default) forgets another, those refused or banned last; 'deny' refuses the new one. */
  onFull?: 'evict' | 'deny' | undefined
  /** Whose request it is; null: it is not limited, so give none that a client can bring about. Default: the address, as {@link ipKey} gives it. */
  key?: ((request: Request) => Key | null | PromiseLike<Key | null>) | undefined
  /** How many bits of an IPv6 address make the default key; an integer from 1 to 128, default 56. */
  ipv6Prefix?: number | undefined
  /** Addresses and networks (`10.0.0.0/8`) that are not limited. */
  allow?: readonly string[] | undefined
  /** Requests for which this is true are not limited. */
  skip?: ((request: Request) => boolean | PromiseLike<boolean>) | undefined
  /**
   * Whether a request counts, asked once its status is known (499 if the client went before header fields were sent): one for which this is
   * false is given back. With `(req, status) => status >= 400` only failed logins count, and attempts that are cut.
   */
  countIf?: ((request: Request, status: number) => boolean) | undefined
  /** Which header fields tell the client where it stands; default 'draft-10'. */
  headers?: RateHeaders | undefined
  /** When they are sent: 'always' (default), with 'low' once less than a quarter of any limit is left, or 'refused'. */
  headersWhen?: 'always' | 'low' | 'refused' | undefined
  /** Decides and counts, and refuses nothing; sends no headers. Default false. */
  dryRun?: boolean | undefined
  /** The status of a refusal; an integer from 400 to 599, default 429. A ban answers 403. */
  statusCode?: number | undefined
  /**
   * If shared memory fails: 'open' (default) admits the request, 'closed' fails it with that error. If `key`, `cost`, `max` or `skip` throws,
   * returns an invalid value, or a promise that takes more than 2 s, 'open' charges the request's address; a failed cost is 1. A process
   * warning reports the first failure.
   */
  onError?: 'open' | 'closed' | undefined
  /** For tests; the default is the monotonic clock. */
  clock?: Clock | undefined
}

const OPTIONS = {
  limits: rawOption<Readonly<Record<string, HttpLimit<never>>>>(),
  // Checked together.
  name: rawOption<string>(),
  scope: rawOption<NameScope>(),
  capacity: numberOption({ min: 1, max: MAX_CAPACITY, integer: true }, 100_000),
  onFull: wordOption(['evict', 'deny'], 'evict'),
  key: functionOption(),
  ipv6Prefix: numberOption({ min: 1, max: 128, integer: true }, DEFAULT_IPV6_PREFIX),
  allow: option('here', (_, value) => (value === undefined ? undefined : allowList(value))),
  skip: functionOption(),
  countIf: functionOption(),
  headers: wordOption(['draft-10', 'draft-7', 'draft-6', 'legacy'], 'draft-10'),
  headersWhen: wordOption(['always', 'low', 'refused'], 'always'),
  dryRun: booleanOption(false),
  statusCode: numberOption({ min: 400, max: 599, integer: true }, 429),
  onError: wordOption(['open', 'closed'], 'open'),
  clock: clockOption,
} satisfies OptionTable<Omit<HttpLimitOptions<never>, keyof SingleLimitOptions<never>>>

/** {@link HttpLimitOptions} checked, with every default filled in. */
export interface CompleteLimitOptions<Request>
  extends
    Omit<ReadOptions<typeof OPTIONS>, 'limits' | 'name' | 'scope' | 'key' | 'skip' | 'countIf'>,
    Pick<HttpLimitOptions<Request>, 'skip' | 'countIf'> {
  readonly limits: readonly CompleteLimit<Request>[]
  readonly name: string | null
  readonly scope: NameScope
  readonly key: ((request: Request, ...rest: readonly unknown[]) => unknown) | undefined
}

/** Every option of {@link HttpLimitOptions}. */
export const LIMIT_OPTIONS: readonly string[] = [...namesOf(OPTIONS), ...SINGLE, 'refuse']

/** The options of a route over those of its plugin, one by one; limits of another form, or another kind, take the place of all of them. */
export function overOptions(ofAll: object, own: object): object {
  const [kind] = given(own, KINDS)
  const replaces = given(own, ['limits']).length > 0 || (kind !== undefined && !given(ofAll, KINDS).includes(kind))
  const left = given(own, SINGLE).length > 0 ? ['limits', ...(replaces ? SINGLE : [])] : replaces ? SINGLE : []
  return { ...Object.fromEntries(Object.entries(ofAll).filter(([name]) => !left.includes(name))), ...own }
}

/** Checks the options of `what` and fills in the defaults; `more`: names of options that the caller checks. */
export function completeLimitOptions<Request>(
  what: string,
  options: HttpLimitOptions<Request> & { refuse?: (() => unknown) | undefined },
  more: readonly string[],
): CompleteLimitOptions<Request> {
  checkKeys(what, options, [...LIMIT_OPTIONS, ...more])
  const read = readValues(options, OPTIONS)
  checkOptionalFunction('refuse', options.refuse)
  const limits = limitsOf(what, options, read.limits)
  const shared = checkEncodedName(read.name, read.scope)
  return { ...read, limits, ...shared } as unknown as CompleteLimitOptions<Request>
}
