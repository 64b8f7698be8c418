import { SharedMemoryError, type SharedMemoryReason } from '../../errors.js'
import { type NativeAddon, nativeAddon } from '../../internal/native.js'
import { MACHINE } from './layout.js'

declare module '../../internal/native.js' {
  /** The functions of native/binding/named_cells.cc. */
  interface NativeAddon {
    /** The directory with the machine's regions, which are files; empty if they are not. */
    machineDirectory(): string
    otherLayout(): number
  }
}

/** An error of native/binding/named_cells.cc. */
interface NameFault {
  readonly code: 'ERR_SHARED_MEMORY'
  readonly message: string
  readonly fault: keyof typeof FAULTS
  readonly where: string
}

/** For each fault of native/os/machine_names.h, the reason and the message. */
const FAULTS = {
  unavailable: ['unavailable', (e) => `this system lends no shared memory under a name (${e.where}: ${e.message})`],
  permission: [
    'permission',
    (e) =>
      `${e.where} does not belong to this user alone (${e.message}); it must be a file of this user with mode 0600`,
  ],
  full: ['full', (e) => `there is no room for another region (${e.where}: ${e.message})`],
  crowded: ['full', (e) => `as many processes use ${e.where} as it has room for (${MACHINE.ownerRows})`],
  'not-a-region': ['not-a-region', (e) => `${e.where} is no region of amorsize, or has been damaged; ${removal(e)}`],
  'other-version': [
    'layout-version',
    (e) =>
      `${e.where} was made by a version of amorsize with another layout; use one version in all processes, or, when none uses it any more, ${removal(e)}`,
  ],
  'other-clock': [
    'unavailable',
    (e) => `${e.where} was made in another time namespace, whose monotonic clock tells another time`,
  ],
  busy: ['busy', (e) => `another process is creating ${e.where} and does not finish; it may have been stopped`],
  'other-size': ['parameters-differ', (e) => `${e.where} was made with another size`],
} as const satisfies Record<string, readonly [SharedMemoryReason, (fault: NameFault) => string]>

/** The advice to remove a region, by its file: the name in it cannot be read. */
function removal({ where }: NameFault): string {
  return `'amorsize shm remove ${where}' removes it`
}

function isNameFault(error: unknown): error is NameFault {
  return error instanceof Error && 'fault' in error && (error as Partial<NameFault>).code === 'ERR_SHARED_MEMORY'
}

/**
 * Runs `open`, which asks the addon for the cells of a name, and turns its error into this package's error.
 *
 * @param name - the name for the message
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name cannot be opened; `reason` says why
 */
export function openName<T>(name: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (!isNameFault(error)) throw error
    const [reason, explain] = FAULTS[error.fault]
    throw new SharedMemoryError(`the name '${name}' cannot be shared: ${explain(error)}`, { reason, cause: error })
  }
}

/**
 * The addon, which alone can share memory between processes.
 *
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'unavailable' when it is not loaded: the user wants no limit for this process alone
 */
export function addonForMachine(name: string): NativeAddon {
  const addon = nativeAddon()
  if (addon !== null) return addon
  throw new SharedMemoryError(
    `the name '${name}' cannot be shared with the machine, because the native addon is not loaded and only it can share memory between processes`,
    { reason: 'unavailable' },
  )
}
