import { SharedMemoryError } from '../../errors.js'
import type { NativeAddon } from '../../internal/native.js'
import type { Clock } from '../../internal/time/clock.js'
import { CELL_BYTES, WORDS_PER_CELL } from './layout.js'
import { openName } from './machine-names.js'
import { addonForNames, type NameScope, otherParameters, OwnNames } from './names.js'
import { allocateCells, bytesOf, type CellAddress, coreOf, viewCells } from './region.js'

/** An object in shared memory. */
interface Subject {
  /** Releases its memory, if the addon has it. */
  letGo?(): void
}

/** How objects of one kind are made and opened. */
export interface Kind<T, P> {
  /** The first word of its cells. */
  readonly word: bigint
  /** The words for a name of this kind in messages; default "the name". */
  readonly called?: string
  /** The advice if a name is in use with other parameters, such as ', or …'. */
  readonly advice?: string
  /** How many cells an object with these parameters takes. */
  cells(parameters: P): number
  /** Allocates memory for so many cells; default: in a buffer with other objects. */
  allocate?(cells: number, parameters: P): CellAddress
  /** The fewest cells, if the cells contain their own number: then all cells to the end of the buffer are opened. */
  readonly cellsAtLeast?: number
  make(core: NativeAddon, view: BigInt64Array, parameters: P, clock: Clock): T
  /** Opens the object in the cells, with the parameters that they contain, or else with `parameters`. */
  open(core: NativeAddon, view: BigInt64Array, parameters: P, clock: Clock): Opened<T, P>
  /** Opens the object that all users in `scope` get for `name`. Returns it with the parameters that it was made with. */
  named(addon: NativeAddon, name: string, scope: NameScope, parameters: P, clock: Clock): Opened<T, P>
  /** Parameters as text: equal parameters have the same text. */
  text(parameters: P): string
  /** For a name of this thread alone: memory that all who open it share in addition to the cells. */
  readonly beside?: { make(address: CellAddress): CellAddress; attach(subject: T, beside: CellAddress): void }
}

interface Opened<T, P> {
  readonly subject: T
  readonly parameters: P
}

/** The object at some cells, and its parameters. */
export interface Placed<T, P> {
  readonly subject: T
  /** Null if it has a name, which is enough to find it. */
  readonly address: CellAddress | null
  readonly parameters: P
}

/** Where to find an object: under a name, at the cells of a handle, or in new cells if there is neither. */
export interface Place {
  readonly name: string | null | undefined
  readonly scope: NameScope
  readonly address: CellAddress | null
}

/** All objects of one kind in shared memory. */
export class Subjects<T extends Subject, P> {
  readonly #kind: Kind<T, P>
  /** Objects with names that belong to this thread alone. */
  readonly #own = new OwnNames<Placed<T, P> & { readonly beside: CellAddress | undefined }>()

  constructor(kind: Kind<T, P>) {
    this.#kind = kind
  }

  /** Finds the object at `place`, or makes it. Throws as {@link create}, {@link open} and {@link byName} do. */
  at({ name, scope, address }: Place, parameters: P, clock: Clock): Placed<T, P> {
    if (name != null) return this.byName(name, scope, parameters, clock)
    return address === null ? this.create(parameters, clock) : this.open(address, parameters, clock)
  }

  /** Makes a new object. */
  create(parameters: P, clock: Clock): Placed<T, P> & { readonly address: CellAddress } {
    const kind = this.#kind
    const cells = kind.cells(parameters)
    const address = kind.allocate === undefined ? allocateCells(cells) : kind.allocate(cells, parameters)
    const view = new BigInt64Array(bytesOf(address.buffer), address.cell * CELL_BYTES, cells * WORDS_PER_CELL)
    return { subject: kind.make(coreOf(address.buffer), view, parameters, clock), address, parameters }
  }

  /**
   * Opens the object that was made at `address`, perhaps by another thread. Throws as `viewCells` does.
   *
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY 'parameters-differ' when its cells say that it was made with other parameters
   */
  open(address: CellAddress, parameters: P, clock: Clock): Placed<T, P> {
    const kind = this.#kind
    const view = viewCells(
      address,
      kind.cellsAtLeast ?? kind.cells(parameters),
      kind.word,
      kind.cellsAtLeast !== undefined,
    )
    const opened = kind.open(coreOf(address.buffer), view, parameters, clock)
    const [found, asked] = [kind.text(opened.parameters), kind.text(parameters)]
    if (found === asked) return { ...opened, address }
    throw new SharedMemoryError(
      `the memory of this handle has other parameters than the handle says: ${found}, not ${asked}`,
      { reason: 'parameters-differ' },
    )
  }

  /**
   * Opens the object of `name`; the first call makes it. All threads of the process get the same one, in scope 'machine' all processes of
   * the user; with a clock other than the system's, only this thread.
   *
   * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other parameters, or cannot be shared: without the addon
   *   in a worker, and with the machine for any of the reasons of {@link openName}
   */
  byName(name: string, scope: NameScope, parameters: P, clock: Clock): Placed<T, P> {
    const kind = this.#kind
    const addon = addonForNames(name, scope, clock)
    const found =
      addon === null
        ? this.#ofThread(name, scope, parameters, clock)
        : openName(name, () => kind.named(addon, name, scope, parameters, clock))
    const [inUse, asked] = [kind.text(found.parameters), kind.text(parameters)]
    if (inUse !== asked) {
      found.subject.letGo?.()
      throw otherParameters(`${kind.called ?? 'the name'} '${name}'`, scope, inUse, asked, kind.advice)
    }
    return { ...found, address: null }
  }

  #ofThread(name: string, scope: NameScope, parameters: P, clock: Clock): { subject: T; parameters: P } {
    const { beside } = this.#kind
    const own = this.#own.findOrMake(name, scope, clock, () => {
      const made = this.create(parameters, clock)
      return { ...made, beside: beside?.make(made.address) }
    })
    const { subject } = this.open(own.address as CellAddress, own.parameters, clock)
    if (own.beside !== undefined) beside?.attach(subject, own.beside)
    return { subject, parameters: own.parameters }
  }
}
