import { runError } from '../internal/run-error.js'
import { realClearInterval, realSetInterval } from '../internal/time/real-timers.js'
import { clientOf, type QueueOfJobs, type QueueWorker, type ScriptClient } from './peer.js'
import { hasDied, type Holder, ownHolder } from './run-holder.js'

/**
 * What a run is: who drives it, and whether it has been given up. KEYS: one of its keys. ARGV: what to do, a value, milliseconds, the value
 * of an owner that has died. Each answers a text.
 */
const SCRIPT = `
local held = redis.call('GET', KEYS[1])
if ARGV[1] == 'look' then return held or '' end
if ARGV[1] == 'release' then
  if held == ARGV[2] then redis.call('DEL', KEYS[1]) end
  return ''
end
if ARGV[1] == 'claim' and held and held ~= ARGV[2] and held ~= ARGV[4] then return held end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ''
`
const COMMAND = 'amorsizeRun'

/** A driver that has not renewed its claim for so long has died. */
const CLAIM_MS = 10_000
const RENEW_MS = 3000
/** How long workers may still come upon a run that was given up. */
const CANCELLED_MS = 3_600_000

/** Keys of one run on the server of its queue. Where that is no Redis there are none: then nobody looks for a second driver. */
class RunKey {
  readonly #client: ScriptClient | undefined
  readonly #key: string

  private constructor(client: ScriptClient | undefined, key: string) {
    this.#client = client
    this.#key = key
  }

  static async of(base: QueueOfJobs | QueueWorker, key: string): Promise<RunKey> {
    const client = await clientOf(base)
    client?.defineCommand(COMMAND, { numberOfKeys: 1, lua: SCRIPT })
    return new RunKey(client, key)
  }

  async run(what: 'look' | 'release' | 'claim' | 'set', value = '', ms = 0, dead = ''): Promise<string> {
    if (this.#client === undefined) return ''
    return String(await this.#client.runCommand(COMMAND, [this.#key, what, value, String(ms), dead]))
  }
}

/** Who drives a run: one process at a time. */
export class DriverClaim {
  readonly #key: RunKey
  readonly #value = JSON.stringify(ownHolder())
  #renewal: NodeJS.Timeout | undefined = undefined

  private constructor(key: RunKey) {
    this.#key = key
  }

  /**
   * @param lost - called when another driver has the run, since this one was not heard of for too long
   * @throws {ExecutionError} ERR_EXECUTION naming the other driver's host and process
   */
  static async of(queue: QueueOfJobs, run: string, lost: (error: Error) => void): Promise<DriverClaim> {
    const claim = new DriverClaim(await RunKey.of(queue, `amz:{${run}}:driver`))
    await claim.#take(run)
    claim.#renewal = realSetInterval(() => void claim.#renew(run, lost), RENEW_MS).unref()
    return claim
  }

  async #take(run: string): Promise<void> {
    const holder = await this.#key.run('claim', this.#value, CLAIM_MS)
    if (holder === '') return
    if (hasDied(JSON.parse(holder) as Holder)) {
      const other = await this.#key.run('claim', this.#value, CLAIM_MS, holder)
      if (other === '') return
    }
    throw inUse(run, holder)
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
    realClearInterval(this.#renewal)
  }

  async release(): Promise<void> {
    this.lapse()
    await this.#key.run('release', this.#value)
  }
}

function inUse(run: string, holder: string): Error {
  const { host, pid } = JSON.parse(holder) as Holder
  return runError(
    `the run ${run}, of this task and these items, is driven by process ${pid} on ${host}; wait for it to end. Should it have died, its claim lapses within ${CLAIM_MS / 1000} s`,
  )
}

/** Tells workers that a run has been given up. */
export async function cancelRun(queue: QueueOfJobs, run: string): Promise<void> {
  await (await RunKey.of(queue, cancelKey(run))).run('set', '1', CANCELLED_MS)
}

/** A run that was given up may be begun again. */
export async function resumeRun(queue: QueueOfJobs, run: string): Promise<void> {
  await (await RunKey.of(queue, cancelKey(run))).run('release', '1')
}

export async function isCancelled(worker: QueueWorker, run: string): Promise<boolean> {
  return (await (await RunKey.of(worker, cancelKey(run))).run('look')) !== ''
}

/** Resolves once the server of a worker has answered. */
export async function whenAnswers(worker: QueueWorker): Promise<void> {
  await isCancelled(worker, '')
}

function cancelKey(run: string): string {
  return `amz:{${run}}:cancelled`
}
