import { createHash } from 'node:crypto'
import { readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { bootId, pidNamespace, startOf } from '../internal/process-identity.js'
import { runError } from '../internal/run-error.js'
import { messageOf } from '../internal/text/error-text.js'
import { realClearInterval, realSetInterval, realSetTimeout } from '../internal/time/real-timers.js'

/** A claim of a process that cannot be seen from here (on another machine or in a container) counts if it was renewed this recently. */
const FOREIGN_CLAIM_MS = 60_000
const RENEW_MS = 10_000
/** Two runs that claim at the same instant both give way. Each tries again after a random wait of at most this. */
const MAX_RETRY_MS = 40
/** Form of a mark: place, boot, process and its start. */
const MARK = /^[0-9a-f]{8}-[0-9a-f]{8}-\d+-\w+$/

/**
 * Keeps two runs off one checkpoint. Each run first makes a claim, a file named after its process, and then
 * looks for the claims of others: of two runs at least one sees the other and gives way. Claims of dead processes are removed, which
 * is safe at any time, as no other process ever makes a file of that name. So no claim has to be taken over, and a kill at any
 * moment leaves nothing that blocks the next run.
 */
export class CheckpointLock {
  readonly #claim: string
  readonly #renewal: NodeJS.Timeout

  private constructor(claim: string) {
    this.#claim = claim
    this.#renewal = realSetInterval(() => void renew(claim), RENEW_MS).unref()
  }

  /**
   * Locks the checkpoint whose log is `log`.
   *
   * @throws {ExecutionError} ERR_EXECUTION when another run has it, the folder cannot be written, or an old claim cannot be removed
   */
  static async acquire(log: string): Promise<CheckpointLock> {
    const prefix = `${basename(log)}.lock-`
    const claim = join(dirname(log), prefix + ownMark())
    for (let attempt = 1; ; attempt++) {
      const holder = await tryClaim(log, prefix, claim)
      if (holder === null) return new CheckpointLock(claim)
      if (attempt === 2) {
        throw runError(
          `the checkpoint '${log}' is in use by ${describeHolder(holder)}; wait for it to end, or choose another name`,
        )
      }
      await new Promise((resolve) => realSetTimeout(resolve, Math.random() * MAX_RETRY_MS))
    }
  }

  async release(): Promise<void> {
    realClearInterval(this.#renewal)
    await rm(this.#claim, { force: true })
  }
}

/** Returns null if the claim stands, else the path of the claim that was there before. */
async function tryClaim(log: string, prefix: string, claim: string): Promise<string | null> {
  try {
    await writeFile(claim, '', { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return claim
    throw runError(`the checkpoint '${log}' cannot be written: ${messageOf(error)}`, error)
  }
  let isMine = false
  try {
    const other = await otherClaim(dirname(log), prefix, claim)
    isMine = other === null
    return other
  } catch (error) {
    throw runError(`the checkpoint '${log}' cannot be locked: ${messageOf(error)}`, error)
  } finally {
    if (!isMine) await rm(claim, { force: true })
  }
}

/** Removes the claims of dead processes. @returns the claim of another run that may still be at work; null if there is none */
async function otherClaim(folder: string, prefix: string, claim: string): Promise<string | null> {
  const claimedMs = (await modifiedMs(claim)) ?? Date.now()
  for (const name of await readdir(folder)) {
    const other = join(folder, name)
    const mark = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (!MARK.test(mark) || other === claim) continue
    if (await isHeld(other, mark, claimedMs)) return other
    await rm(other, { force: true })
  }
  return null
}

/** Whether the process that made the claim may still be at work. `nowMs` is by the clock of the file system. */
async function isHeld(path: string, mark: string, nowMs: number): Promise<boolean> {
  const [place, boot, pid, started] = mark.split('-')
  const own = place === placeMark()
  if (own && boot !== bootMark()) return false
  if (own) return startOf(Number(pid)) === started
  const modified = await modifiedMs(path)
  return modified !== null && nowMs - modified < FOREIGN_CLAIM_MS
}

function describeHolder(claim: string): string {
  const [place, , pid] = claim.slice(claim.lastIndexOf('.lock-') + '.lock-'.length).split('-')
  if (Number(pid) === process.pid && place === placeMark()) return 'another run in this process'
  return place === placeMark()
    ? `process ${pid ?? '?'}`
    : `process ${pid ?? '?'} of another machine or container ('${claim}')`
}

async function modifiedMs(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs
  } catch {
    return null // released meanwhile
  }
}

async function renew(claim: string): Promise<void> {
  const now = new Date()
  // The folder may be gone by now, and the log with it; that is reported elsewhere.
  await utimes(claim, now, now).catch(() => undefined)
}

function ownMark(): string {
  return `${placeMark()}-${bootMark()}-${process.pid}-${startOf(process.pid) ?? 'unknown'}`
}

/** Identifies the place where process ids are unique: this machine, and in it this process namespace. */
function placeMark(): string {
  return shortHash(`${hostname()} ${pidNamespace() ?? ''}`)
}

function bootMark(): string {
  return shortHash(bootId() ?? '')
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
