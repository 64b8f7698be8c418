import { builtins } from '../builtins.js'

type DiagnosticsChannel = typeof import('node:diagnostics_channel')

/** The module's name in Node's list of those that are loaded. */
const LISTED = 'NativeModule diagnostics_channel'

/** Finds node:diagnostics_channel without loading it: before anybody has, nobody can listen. */
class Diagnostics {
  #module: DiagnosticsChannel | undefined = undefined
  /** How many modules were loaded when it was not among them. */
  #others = -1

  /** The module, once somebody has loaded it. Costs a comparison until then, and where nothing else was loaded. */
  get loaded(): DiagnosticsChannel | undefined {
    return this.#module ?? this.#look()
  }

  #look(): DiagnosticsChannel | undefined {
    const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] }
    // If there is no such list, nobody knows, and it is loaded.
    if (moduleLoadList !== undefined) {
      if (moduleLoadList.length === this.#others) return undefined
      this.#others = moduleLoadList.length
      if (!moduleLoadList.includes(LISTED)) return undefined
    }
    return (this.#module = builtins.diagnosticsChannel)
  }
}

export const diagnostics = new Diagnostics()
