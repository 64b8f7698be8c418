import { builtins } from '../builtins.js'

type DiagnosticsChannel = typeof import('node:diagnostics_channel')

/** The module's name in `process.moduleLoadList`. */
const LISTED = 'NativeModule diagnostics_channel'

/** Finds node:diagnostics_channel without loading it: until somebody has loaded it, nobody can be listening. */
class Diagnostics {
  #module: DiagnosticsChannel | undefined = undefined
  /** Length of the list when the module was last missing from it. */
  #others = -1

  /** The module, once somebody has loaded it. Until then it costs one comparison, unless other modules were loaded since the last look. */
  get loaded(): DiagnosticsChannel | undefined {
    return this.#module ?? this.#look()
  }

  #look(): DiagnosticsChannel | undefined {
    const { moduleLoadList } = process as { readonly moduleLoadList?: readonly string[] }
    // Without such a list we cannot know, so the module is loaded.
    if (moduleLoadList !== undefined) {
      if (moduleLoadList.length === this.#others) return undefined
      this.#others = moduleLoadList.length
      if (!moduleLoadList.includes(LISTED)) return undefined
    }
    return (this.#module = builtins.diagnosticsChannel)
  }
}

export const diagnostics = new Diagnostics()
