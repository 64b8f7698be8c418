import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  type Stats,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { SharedMemoryError } from '../../errors.js'
import { lazy } from '../../internal/lazy.js'
import { nativeAddon } from '../../internal/native.js'
import { CELL_BYTES, LAYOUT_VERSION, MACHINE, NAMED_BUCKET, REGION, WORDS_PER_CELL } from '../shared/layout.js'

/**
 * What is to be said of a file that has a region's name: 'ready' when it can be used, 'foreign' when it belongs to another user,
 * 'not-private' when others may open it, 'unreadable' when the system does not let it be read.
 */
export type RegionState =
  'ready' | 'unfinished' | 'other-version' | 'not-a-region' | 'other-boot' | 'foreign' | 'not-private' | 'unreadable'

/** A file with the name of a region of this user, as a reader sees it who takes no part. */
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
/** Enough for every kind's state, a bucket with all who wait for it being the largest; a table of millions of keys is not copied. */
const MOST_BYTES = HEADER_BYTES + NAMED_BUCKET.machineCells * CELL_BYTES
const PRIVATE_MODE = 0o600

/**
 * Lists the named regions of this user on this machine, and whatever else stands under such a name: anybody may put files there.
 * Reads copies: no process that uses one notices, a file that is cut meanwhile is a short read, and one that cannot be read hides no
 * other.
 *
 * @param directory - where the regions are; by default where those of this machine are
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' where regions are not files, or without the addon
 */
export function listMachineRegions(directory = machineDirectory()): MachineRegion[] {
  const ours = `amorsize.${process.geteuid?.() ?? 0}.`
  return readdirSync(directory)
    .filter((name) => name.startsWith(ours))
    .map((name) => readRegion(join(directory, name)))
    .filter((region) => region !== null)
}

function machineDirectory(): string {
  const directory = nativeAddon()?.machineDirectory() ?? ''
  if (directory !== '') return directory
  throw new SharedMemoryError(
    'this system, or this copy of amorsize without its native addon, has no list of the names of the machine',
    { reason: 'unavailable' },
  )
}

/** Null when it is gone. */
function readRegion(file: string): MachineRegion | null {
  let bytes = 0
  const useless = (state: RegionState): MachineRegion => ({
    file,
    bytes,
    state,
    name: null,
    kind: null,
    processes: [],
    words: new BigInt64Array(0),
  })
  try {
    // Nothing that could be a device or a pipe is opened, and no link is followed.
    const known = lstatSync(file)
    bytes = known.size
    const refusal = refusalOf(known)
    if (refusal !== null) return useless(refusal)
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      // What was looked at may have been exchanged for something else.
      const opened = fstatSync(descriptor)
      bytes = opened.size
      const state = refusalOf(opened)
      return state === null ? readOpened(file, descriptor, bytes, useless) : useless(state)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : useless('unreadable')
  }
}

/** Why a file is no region of this user's, whatever it holds; native/os/machine_files.cc refuses the same. */
function refusalOf(status: Stats): RegionState | null {
  if (status.uid !== (process.geteuid?.() ?? 0)) return 'foreign'
  if (!status.isFile()) return 'not-a-region'
  return (status.mode & 0o7777) === PRIVATE_MODE ? null : 'not-private'
}

function readOpened(
  file: string,
  descriptor: number,
  size: number,
  useless: (state: RegionState) => MachineRegion,
): MachineRegion {
  const bytes = Buffer.alloc(Math.min(size, MOST_BYTES))
  const got = readSync(descriptor, bytes, 0, bytes.length, 0)
  const words = new BigInt64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + got - (got % 8)))
  const state = judge(words, size)
  if (state !== 'ready' && state !== 'other-boot') return useless(state)
  const isReady = state === 'ready'
  const nameEnd = MACHINE.name * 8 + Number(words[MACHINE.nameBytes])
  return {
    file,
    bytes: size,
    state,
    name: bytes.toString('utf8', MACHINE.name * 8, nameEnd),
    kind: Number(words[MACHINE.kind]),
    processes: isReady ? livingOwners(words) : [],
    words: isReady ? words.subarray(MACHINE.headerCells * WORDS_PER_CELL) : new BigInt64Array(0),
  }
}

/** What native/core/machine_header.h says of the header, but for the kind and the name it need not have. */
function judge(words: BigInt64Array, size: number): RegionState {
  if (words.length === 0 || words[REGION.magic] === 0n) return 'unfinished'
  if (words[REGION.magic] !== REGION.magicValue || size < HEADER_BYTES) return 'not-a-region'
  if (words[REGION.version] !== BigInt(LAYOUT_VERSION)) return 'other-version'
  // A file that was cut after its size was asked for has fewer words than the header.
  if (size % CELL_BYTES !== 0 || words.length * 8 < Math.min(size, MOST_BYTES)) return 'not-a-region'
  const nameBytes = words[MACHINE.nameBytes] ?? -1n
  if (
    words[REGION.cells] !== BigInt(size / CELL_BYTES) ||
    size === HEADER_BYTES ||
    nameBytes < 0n ||
    nameBytes > BigInt(MACHINE.nameWords * 8)
  )
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

const currentBoot = lazy(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replaceAll('-', '').trim())

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

/** What native/os/process_identity.cc decides: also true where it cannot be known. */
function isAlive(owner: bigint, space: bigint): boolean {
  const pid = Number(owner & ((1n << PID_BITS) - 1n))
  const own = process.platform === 'linux' ? ownSpace() : null
  if (own === null) return exists(pid)
  if (space !== 0n && space !== own) return true
  try {
    // "pid (name) state ppid ... start": the name may hold anything. The start is the 20th word after it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const words = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
    return words[0] !== 'Z' && words[0] !== 'X' && BigInt(words[19] ?? 0) === owner >> PID_BITS
  } catch {
    return false
  }
}

/** This process's PID namespace; null where /proc is not there to tell. */
function ownSpace(): bigint | null {
  try {
    return BigInt(statSync('/proc/self/ns/pid').ino)
  } catch {
    return null
  }
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
