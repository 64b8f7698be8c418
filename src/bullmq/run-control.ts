import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { IRedisClient, Queue, Worker } from 'bullmq'
import { runError } from '../internal/run-error.js'
import { realClearInterval, realSetInterval, realSetTimeout } from '../internal/time/real-timers.js'
import { clientOf } from './peer.js'

/**
 * The state of a run: its driver, and whether it has been cancelled. KEYS: one of its keys. ARGV: the action, a value, milliseconds. Answers a
 * text; for a claim that another driver has, with the milliseconds until it lapses.
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

/** A driver that has not renewed its claim for this long has died. */
const CLAIM_MS = 10_000
const RENEW_MS = 200
const LOOK_MS = 50
/** For how long workers may still find chunks of a run that was cancelled. */
const CANCELLED_MS = 3_600_000

/** Runs the script on a key of a run. A backend that is not Redis has no scripts, so nothing prevents a second driver there. */
async function onKey(
  client: IRedisClient | undefined,
  key: string,
  what: 'look' | 'release' | 'claim' | 'set',
  value = '',
  ms = 0,
): Promise<string> {
  client?.defineCommand(COMMAND, { numberOfKeys: 1, lua: SCRIPT })
  return client === undefined ? '' : String(await client.runCommand(COMMAND, [key, what, value, String(ms)]))
}

/** The claim of the process that drives a run: one at a time. */
export class DriverClaim {
  readonly #claim: () => Promise<string>
  readonly #release: () => Promise<string>
  readonly #renewal: NodeJS.Timeout

  /** @param lost - called if another driver has the run because this one was silent for too long */
  private constructor(client: IRedisClient | undefined, run: string, value: string, lost: (error: Error) => void) {
    this.#claim = () => onKey(client, driverKey(run), 'claim', value, CLAIM_MS)
    this.#release = () => onKey(client, driverKey(run), 'release', value)
    const renew = async (): Promise<void> => {
      const holder = await this.#claim()
      if (holder !== '') lost(inUse(run, holder))
    }
    // While the server is away, no other driver can claim the run either.
    this.#renewal = realSetInterval(() => void renew().catch(() => undefined), RENEW_MS).unref()
  }

  /** @throws {ExecutionError} ERR_EXECUTION naming the other driver's host and process */
  static async of(queue: Queue, run: string, lost: (error: Error) => void): Promise<DriverClaim> {
    const client = await clientOf(queue)
    // Two runs of one process are two drivers.
    const value = JSON.stringify({ host: hostname(), pid: process.pid, id: randomUUID() })
    for (let leftMs = Infinity; ;) {
      const held = await onKey(client, driverKey(run), 'claim', value, CLAIM_MS)
      if (held === '') return new DriverClaim(client, run, value, lost)
      // A living driver renews its claim; the claim of a dead one lapses.
      const nowLeftMs = Number(held.split('\n')[1])
      if (!(nowLeftMs >= 0 && nowLeftMs <= leftMs)) throw inUse(run, held)
      leftMs = nowLeftMs
      await new Promise((resolve) => realSetTimeout(resolve, LOOK_MS))
    }
  }

  /** Stops renewing it. */
  lapse(): void {
    realClearInterval(this.#renewal)
  }

  async release(): Promise<void> {
    this.lapse()
    await this.#release()
  }
}

function inUse(run: string, held: string): Error {
  const { host, pid } = JSON.parse(held.split('\n')[0] as string) as { readonly host: string; readonly pid: number }
  return runError(
    `the run ${run}, of this task and these items, is driven by process ${pid} on ${host}; wait for it to end. Should it have died, its claim lapses within ${CLAIM_MS / 1000} s`,
  )
}

/** Tells workers that a run has been cancelled. */
export async function cancelRun(queue: Queue, run: string): Promise<void> {
  await onKey(await clientOf(queue), cancelKey(run), 'set', '1', CANCELLED_MS)
}

/** Lets a cancelled run begin again. */
export async function resumeRun(queue: Queue, run: string): Promise<void> {
  await onKey(await clientOf(queue), cancelKey(run), 'release', '1')
}

export async function isCancelled(worker: Worker, run: string): Promise<boolean> {
  return (await onKey(await clientOf(worker), cancelKey(run), 'look')) !== ''
}

const driverKey = (run: string): string => `amz:{${run}}:driver`
const cancelKey = (run: string): string => `amz:{${run}}:cancelled`
