import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { IRedisClient, Queue, Worker } from 'bullmq'
import { runError } from '../internal/run-error.js'
import { realClearInterval, realNow, realSetInterval, realSetTimeout } from '../internal/time/real-timers.js'
import { clientOf } from './peer.js'

/**
 * What a run is: who drives it, and whether it has been given up. KEYS: one of its keys. ARGV: what to do, a value, milliseconds. Each answers
 * a text; a claim that another has, with the milliseconds until it lapses.
 */
const SCRIPT = `
if ARGV[1] == 'claim' and redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return '' end
if ARGV[1] == 'set' then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
local held = redis.call('GET', KEYS[1])
if ARGV[1] == 'look' then return held or '' end
if held == ARGV[2] then
  if ARGV[1] == 'release' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
elseif ARGV[1] == 'claim' then
  return held .. '\\n' .. redis.call('PTTL', KEYS[1])
end
return ''
`
const COMMAND = 'amorsizeRun'

/** A driver that has not renewed its claim for so long has died. */
const CLAIM_MS = 10_000
const RENEW_MS = 200
const LOOK_MS = 50
/** How long workers may still come upon a run that was given up. */
const CANCELLED_MS = 3_600_000

/** Keys of one run on the server of its queue. Where that is no Redis there are none: then nobody looks for a second driver. */
class RunKey {
  readonly #client: IRedisClient | undefined
  readonly #key: string

  private constructor(client: IRedisClient | undefined, key: string) {
    this.#client = client
    this.#key = key
  }

  static async of(base: Queue | Worker, key: string): Promise<RunKey> {
    const client = await clientOf(base)
    client?.defineCommand(COMMAND, { numberOfKeys: 1, lua: SCRIPT })
    return new RunKey(client, key)
  }

  async run(what: 'look' | 'release' | 'claim' | 'set', value = '', ms = 0): Promise<string> {
    if (this.#client === undefined) return ''
    return String(await this.#client.runCommand(COMMAND, [this.#key, what, value, String(ms)]))
  }
}

/** Who drives a run: one process at a time. */
export class DriverClaim {
  /** What drivers of this process, which lives, claim runs by. */
  static readonly #ours = new Set<string>()
  readonly #key: RunKey
  /** Two runs of one process are two drivers. */
  readonly #value = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() })
  #renewal: NodeJS.Timeout | undefined = undefined

  private constructor(key: RunKey) {
    this.#key = key
  }

  /**
   * @param lost - called when another driver has the run, since this one was not heard of for too long
   * @throws {ExecutionError} ERR_EXECUTION naming the other driver's host and process
   */
  static async of(queue: Queue, run: string, lost: (error: Error) => void): Promise<DriverClaim> {
    const claim = new DriverClaim(await RunKey.of(queue, `amz:{${run}}:driver`))
    await claim.#take(run)
    DriverClaim.#ours.add(claim.#value)
    claim.#renewal = realSetInterval(() => void claim.#renew(run, lost), RENEW_MS).unref()
    return claim
  }

  async #take(run: string): Promise<void> {
    const endMs = realNow() + CLAIM_MS + LOOK_MS
    for (let leftMs = Infinity; ;) {
      const held = await this.#key.run('claim', this.#value, CLAIM_MS)
      if (held === '') return
      // A driver that lives renews its claim; that of one that has died lapses.
      const [value = '', left] = held.split('\n')
      const nowLeftMs = Number(left)
      if (DriverClaim.#ours.has(value) || nowLeftMs < 0 || nowLeftMs > leftMs || realNow() > endMs)
        throw inUse(run, held)
      leftMs = nowLeftMs
      await new Promise((resolve) => realSetTimeout(resolve, LOOK_MS))
    }
  }

  async #renew(run: string, lost: (error: Error) => void): Promise<void> {
    try {
      const holder = await this.#key.run('claim', this.#value, CLAIM_MS)
      if (holder !== '') lost(inUse(run, holder))
    } catch {
      // The server is away; so it is for everybody else.
    }
  }

  /** Renews it no more. */
  lapse(): void {
    DriverClaim.#ours.delete(this.#value)
    realClearInterval(this.#renewal)
  }

  async release(): Promise<void> {
    this.lapse()
    await this.#key.run('release', this.#value)
  }
}

function inUse(run: string, held: string): Error {
  const { host, pid } = JSON.parse(held.split('\n')[0] as string) as { readonly host: string; readonly pid: number }
  return runError(
    `the run ${run}, of this task and these items, is driven by process ${pid} on ${host}; wait for it to end. Should it have died, its claim lapses within ${CLAIM_MS / 1000} s`,
  )
}

/** Tells workers that a run has been given up. */
export async function cancelRun(queue: Queue, run: string): Promise<void> {
  await (await RunKey.of(queue, cancelKey(run))).run('set', '1', CANCELLED_MS)
}

/** A run that was given up may be begun again. */
export async function resumeRun(queue: Queue, run: string): Promise<void> {
  await (await RunKey.of(queue, cancelKey(run))).run('release', '1')
}

export async function isCancelled(worker: Worker, run: string): Promise<boolean> {
  return (await (await RunKey.of(worker, cancelKey(run))).run('look')) !== ''
}

/** Resolves once the server of a worker has answered. */
export async function whenAnswers(worker: Worker): Promise<void> {
  await isCancelled(worker, '')
}

function cancelKey(run: string): string {
  return `amz:{${run}}:cancelled`
}
