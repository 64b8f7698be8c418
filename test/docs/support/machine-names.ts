import { rmSync } from 'node:fs'
import { mapMachineRegions } from '../../../dist/memory/machine/regions.js'
import type { Block } from './blocks.js'

/** What a program makes of a name of its options: `api%limit%burst`, `api /login%limit%burst`. */
const baseOf = (name: string): string | undefined => name.split(/[ %]/)[0]

/** The names that examples give to what the whole machine shares, with the files that are left of them. */
export class MachineNames {
  readonly #names: ReadonlySet<string>
  readonly #before: ReadonlySet<string>

  constructor(blocks: readonly Block[]) {
    this.#names = new Set(blocks.flatMap(({ code }) => [...code.matchAll(/name: '([^']+)'/g)].map((match) => match[1]!)))
    this.#before = new Set(this.#files())
  }

  /** Removes what has come since and nobody uses; what was there belongs to somebody else. */
  removeNew(): void {
    for (const file of this.#files()) if (!this.#before.has(file)) rmSync(file, { force: true })
  }

  #files(): string[] {
    // Elsewhere they are no files, and gone with their last process.
    if (process.platform === 'win32') return []
    return mapMachineRegions((region) => region)
      .filter(({ name, processes }) => name !== null && this.#names.has(baseOf(name) ?? '') && processes.length === 0)
      .map(({ file }) => file)
  }
}
