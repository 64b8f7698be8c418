import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { SharedMemoryError } from '../errors.js'
import { nativeAddon } from '../internal/native.js'
import { CELL_BYTES, LAYOUT_VERSION, MACHINE, REGION, WORDS_PER_CELL } from './layout.js'

/** What is to be said of a region: 'ready' when it can be used. */
export type RegionState = 'ready' | 'unfinished' | 'other-version' | 'not-a-region' | 'other-boot'

/** A named region of this user, as a reader sees it who takes no part. */
export interface MachineRegion {
  readonly file: string
  /** Bytes of memory it takes. */
  readonly bytes: number
  readonly state: RegionState
  /** Null when the header cannot be trusted to hold it. */
  readonly name: string | null
  /** The number of its kind; see `KIND` in layout.ts. */
  readonly kind: number | null
  /** Processes that use it and still run, by number. Of one in another PID namespace the number there. */
  readonly processes: readonly number[]
  /** A copy of its first cells, empty when it is not ready. */
  readonly words: BigInt64Array
}

const HEADER_BYTES = MACHINE.headerCells * CELL_BYTES
/** Enough for every kind's state; a table of millions of keys is not copied. */
const MOST_BYTES = HEADER_BYTES + 64 * CELL_BYTES

/**
 * Lists the named regions of this user on this machine. Reads copies: no process that uses one notices, and a file that
 * is cut meanwhile is a short read.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' where regions are not files, or without the addon
 */
export function listMachineRegions(): MachineRegion[] {
  const directory = machineDirectory()
  const ours = `amorsize.${process.geteuid?.() ?? 0}.`
  const regions: MachineRegion[] = []
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(ours)) continue
    const region = readRegion(join(directory, name))
    if (region !== null) regions.push(region)
  }
  return regions
}

function machineDirectory(): string {
  const directory = nativeAddon()?.machineDirectory() ?? ''
  if (directory !== '') return directory
  throw new SharedMemoryError(
    'this system, or this copy of amorsize without its native addon, has no list of the names of the machine',
    { reason: 'unavailable' },
  )
}

/** Null when it is gone, or is no file of this user. */
function readRegion(file: string): MachineRegion | null {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return null
  }
  try {
    const status = fstatSync(descriptor)
    if (!status.isFile()) return null
    const bytes = Buffer.alloc(Math.min(status.size, MOST_BYTES))
    const got = readSync(descriptor, bytes, 0, bytes.length, 0)
    const words = new BigInt64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + got - (got % 8)))
    const state = judge(words, status.size)
    const known = state === 'ready' || state === 'other-boot'
    return {
      file,
      bytes: status.size,
      state,
      name: known
        ? bytes.toString('utf8', MACHINE.name * 8, MACHINE.name * 8 + Number(words[MACHINE.nameBytes]))
        : null,
      kind: known ? Number(words[MACHINE.kind]) : null,
      processes: state === 'ready' ? livingOwners(words) : [],
      words: state === 'ready' ? words.subarray(MACHINE.headerCells * WORDS_PER_CELL) : new BigInt64Array(0),
    }
  } finally {
    closeSync(descriptor)
  }
}

function judge(words: BigInt64Array, size: number): RegionState {
  if (words.length === 0 || words[REGION.magic] === 0n) return 'unfinished'
  if (words[REGION.magic] !== REGION.magicValue || size < HEADER_BYTES) return 'not-a-region'
  if (words[REGION.version] !== BigInt(LAYOUT_VERSION)) return 'other-version'
  const nameBytes = words[MACHINE.nameBytes] ?? -1n
  if (words[REGION.cells] !== BigInt(size / CELL_BYTES) || nameBytes < 0n || nameBytes > BigInt(MACHINE.nameWords * 8))
    return 'not-a-region'
  return process.platform !== 'linux' || bootOf(words) === currentBoot() ? 'ready' : 'other-boot'
}

function bootOf(words: BigInt64Array): string {
  const half = (word: number): string =>
    BigInt.asUintN(64, words[word] ?? 0n)
      .toString(16)
      .padStart(16, '0')
  return half(MACHINE.bootHigh) + half(MACHINE.bootLow)
}

let boot: string | undefined

function currentBoot(): string {
  return (boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replaceAll('-', '').trim())
}

const PID_BITS = BigInt(MACHINE.pidBits)

function livingOwners(words: BigInt64Array): number[] {
  const living: number[] = []
  for (let row = 0; row < MACHINE.ownerRows; row++) {
    const at = MACHINE.owners + row * MACHINE.ownerRowWords
    const owner = words[at] ?? 0n
    if (owner !== 0n && isAlive(owner, words[at + 1] ?? 0n)) living.push(Number(owner & ((1n << PID_BITS) - 1n)))
  }
  return living
}

/** What native/os/process_identity.cc decides. */
function isAlive(owner: bigint, space: bigint): boolean {
  const pid = Number(owner & ((1n << PID_BITS) - 1n))
  if (process.platform !== 'linux') return exists(pid)
  if (space !== 0n && space !== BigInt(statSync('/proc/self/ns/pid').ino)) return true
  try {
    // "pid (name) state ppid ... start": the name may hold anything. The start is the 20th word after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const words = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
    return words[0] !== 'Z' && words[0] !== 'X' && BigInt(words[19] ?? 0) === owner >> PID_BITS
  } catch {
    return false
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
