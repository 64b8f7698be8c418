// Which declarations the package ships: those that its entry points lead to, and no more.
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** What a declaration refers to beside it: `from './x.js'` and `import('./x.js')`. */
const reference = /(?:from |import\()'(\.{1,2}\/[^']+)\.js'/g

/**
 * Copies the declarations that `entries` lead to from the folder `from` to the folder `to`, at the same places in it.
 *
 * @param entries - paths of .d.ts files within `from`
 */
export function copyDeclarations(entries, from, to) {
  const reached = new Set()
  const visit = (file) => {
    if (reached.has(file)) return
    reached.add(file)
    for (const [, target] of readFileSync(file, 'utf8').matchAll(reference)) visit(join(dirname(file), `${target}.d.ts`))
  }
  for (const entry of entries) visit(entry)
  for (const file of reached) {
    const copy = join(to, relative(from, file))
    mkdirSync(dirname(copy), { recursive: true })
    copyFileSync(file, copy)
  }
}
