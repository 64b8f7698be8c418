import {
  closeSync,
  constants,
  type Dirent,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  type Stats,
} from 'node:fs'
import { SharedMemoryError } from '../../errors.js'
import { builtins } from '../../internal/builtins.js'
import { lazy } from '../../internal/lazy.js'
import { nativeAddon } from '../../internal/native.js'
import { messageOf } from '../../internal/text/error-text.js'
import {
  CELL_BYTES,
  KEYED,
  KIND,
  LAYOUT_VERSION,
  MACHINE,
  NAMED_BUCKET,
  REGION,
  SEMAPHORE,
  WAITERS,
  WORDS_PER_CELL,
} from '../shared/layout.js'
import { Living, livingOwners } from './living.js'

/**
 * The state of a file that has a region's name: 'ready' when it can be used, 'foreign' when it belongs to another user,
 * 'not-private' when others may open it, 'unreadable' when the system refuses to read it.
 */
export type RegionState =
  'ready' | 'unfinished' | 'other-version' | 'not-a-region' | 'other-boot' | 'foreign' | 'not-private' | 'unreadable'

/** A file with the name of a region of this user, as a mere reader sees it. */
export interface MachineRegion {
  readonly file: string
  /** Bytes of memory it takes. */
  readonly bytes: number
  readonly state: RegionState
  /** Null when the header cannot be trusted. */
  readonly name: string | null
  /** The number of its kind; see `KIND` in layout.ts. */
  readonly kind: number | null
  /** Numbers of the processes that use it and still run. The number of one in another PID namespace is that of its namespace. */
  readonly processes: readonly number[]
  /** A copy of its first cells, empty when it is not ready. */
  readonly words: BigInt64Array
}

const HEADER_BYTES = MACHINE.headerCells * CELL_BYTES
/** The header and all cells of most kinds. Of a thousand names, hardly more is read. */
const FIRST_BYTES = HEADER_BYTES + 16 * CELL_BYTES
/** How many groups of a keyed table are read: about 500 slots, from which the keys of a large table are estimated. */
export const KEYED_GROUPS = 16
const PRIVATE_MODE = 0o600
const NO_WORDS = new BigInt64Array(0)

/**
 * Calls `visit` for each named region of this user on this machine, and for any other file with such a name, since anybody may put
 * files there; returns the results. It reads copies: processes that use a region do not notice, a file that is cut meanwhile is a short
 * read, and a file that cannot be read hides no other.
 *
 * @param visit - called for one region after the other, so that not all of them are in memory at once
 * @param directory - where the regions are; default: the directory of this machine
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' if regions are not files, their folder cannot be read, or without the addon
 */
export function mapMachineRegions<T>(visit: (region: MachineRegion) => T, directory = machineDirectory()): T[] {
  const living = new Living()
  const ours = `amorsize.${living.user}.`
  const made: T[] = []
  for (const entry of entriesOf(directory)) {
    const region = entry.name.startsWith(ours) ? readRegion(`${directory}/${entry.name}`, entry, living) : null
    if (region !== null) made.push(visit(region))
  }
  return made
}

/**
 * Identifies the memory in which the names of the machine are: the host, the file system (containers of one host may each have their
 * own) and the user. All processes that share it get the same text.
 */
export function sharedMemoryName(): string {
  const directory = nativeAddon()?.machineDirectory() ?? ''
  const host = builtins.os.hostname()
  return directory === '' ? host : `${host}:${lstatSync(directory).dev}:${process.getuid?.() ?? ''}`
}

/** Reads the first `length` bytes, or fewer if the file has been cut. */
function readWords(descriptor: number, length: number): BigInt64Array {
  const bytes = Buffer.from(new ArrayBuffer(8 * Math.ceil(length / 8)))
  return new BigInt64Array(bytes.buffer, 0, Math.floor(readSync(descriptor, bytes, 0, length, 0) / 8))
}

function machineDirectory(): string {
  const directory = nativeAddon()?.machineDirectory() ?? ''
  if (directory !== '') return directory
  throw new SharedMemoryError(
    'this system, or this copy of amorsize without its native addon, has no list of the names of the machine',
    { reason: 'unavailable' },
  )
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    throw new SharedMemoryError(`the names of the machine cannot be listed: ${messageOf(error)}`, {
      reason: 'unavailable',
      cause: error,
    })
  }
}

/** Reads a file; null when it is gone. */
function readRegion(file: string, entry: Dirent, living: Living): MachineRegion | null {
  let bytes = 0
  const useless = (state: RegionState): MachineRegion => ({
    file,
    bytes,
    state,
    name: null,
    kind: null,
    processes: [],
    words: NO_WORDS,
  })
  const refused = (): MachineRegion | null => {
    const known = lstatSync(file)
    bytes = known.size
    const refusal = refusalOf(known, living.user)
    return refusal === null ? null : useless(refusal)
  }
  try {
    // Opens nothing that may be a device or a pipe, and follows no link. The folder says what is a file, which saves an `lstat`.
    const refusal = entry.isFile() ? null : refused()
    if (refusal !== null) return refusal
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      // The file may have been replaced since the folder was read.
      const opened = fstatSync(descriptor)
      bytes = opened.size
      const state = refusalOf(opened, living.user)
      return state === null ? readOpened(file, descriptor, bytes, useless, living) : useless(state)
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    // The private file of another user cannot be opened, and is shown as theirs.
    return (code === 'EACCES' ? whatIsSeen(refused) : null) ?? useless('unreadable')
  }
}

/** The result of `look`; null if it fails, too. */
function whatIsSeen(look: () => MachineRegion | null): MachineRegion | null {
  try {
    return look()
  } catch {
    return null
  }
}

/** The reason why a file is not a region of this user, whatever its content; native/os/machine_files.cc refuses the same files. */
function refusalOf(status: Stats, user: number): RegionState | null {
  if (status.uid !== user) return 'foreign'
  if (!status.isFile()) return 'not-a-region'
  return (status.mode & 0o7777) === PRIVATE_MODE ? null : 'not-private'
}

function readOpened(
  file: string,
  descriptor: number,
  size: number,
  useless: (state: RegionState) => MachineRegion,
  living: Living,
): MachineRegion {
  const first = readWords(descriptor, Math.min(size, FIRST_BYTES))
  const state = judge(first, size)
  if (state !== 'ready' && state !== 'other-boot') return useless(state)
  const wanted = Math.min(size, HEADER_BYTES + cellsOf(first) * CELL_BYTES)
  const words = wanted <= FIRST_BYTES ? first : readWords(descriptor, wanted)
  if (words.length * 8 < wanted) return useless('not-a-region')
  const cells = words.subarray(MACHINE.headerCells * WORDS_PER_CELL)
  const isReady = state === 'ready'
  const kind = Number(words[MACHINE.kind])
  return {
    file,
    bytes: size,
    state,
    name: Buffer.from(words.buffer, MACHINE.name * 8, Number(words[MACHINE.nameBytes])).toString(),
    kind,
    processes: isReady ? livingOwners(words, living) : [],
    words: isReady ? cells : NO_WORDS,
  }
}

/** How many cells of its state to read: not the millions of keys of a table, nor rows in which nobody waits for a bucket. */
function cellsOf(words: BigInt64Array): number {
  const word = (index: number): number => Number(words[MACHINE.headerCells * WORDS_PER_CELL + index] ?? 0n)
  switch (Number(words[MACHINE.kind])) {
    case KIND.tokenBucket: {
      const used = word(NAMED_BUCKET.cells * WORDS_PER_CELL + WAITERS.used)
      return NAMED_BUCKET.cells + 1 + Math.min(WAITERS.machineRows, Math.max(0, used))
    }
    case KIND.semaphore:
      // The semaphore with its queue, and the cell of an adaptive limit.
      return SEMAPHORE.cells + 1
    case KIND.keyedTable:
      return KEYED.headerCells + KEYED_GROUPS * KEYED.groupCells
    default:
      return 0
  }
}

/** Checks the fields of native/core/machine_header.h, except for the kind and the name, which a header need not have. */
function judge(words: BigInt64Array, size: number): RegionState {
  if (words.length === 0 || words[REGION.magic] === 0n) return 'unfinished'
  if (words[REGION.magic] !== REGION.magicValue || size < HEADER_BYTES) return 'not-a-region'
  if (words[REGION.version] !== BigInt(LAYOUT_VERSION)) return 'other-version'
  // A file that was cut after its size was read has too few words.
  if (size % CELL_BYTES !== 0 || words.length * 8 < Math.min(size, FIRST_BYTES)) return 'not-a-region'
  const nameBytes = words[MACHINE.nameBytes] ?? -1n
  if (
    words[REGION.cells] !== BigInt(size / CELL_BYTES) ||
    size === HEADER_BYTES ||
    nameBytes < 0n ||
    nameBytes > BigInt(MACHINE.nameWords * 8)
  )
    return 'not-a-region'
  return process.platform !== 'linux' || isOfThisBoot(words) ? 'ready' : 'other-boot'
}

function isOfThisBoot(words: BigInt64Array): boolean {
  const { high, low } = currentBoot()
  return words[MACHINE.bootHigh] === high && words[MACHINE.bootLow] === low
}

const currentBoot = lazy(() => {
  const digits = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').replaceAll('-', '').trim()
  const half = (from: number): bigint => BigInt.asIntN(64, BigInt(`0x${digits.slice(from, from + 16)}`))
  return { high: half(0), low: half(16) }
})
