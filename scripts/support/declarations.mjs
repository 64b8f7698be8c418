// Joins the declarations of the package's entry points: what they export and what that refers to, and no more.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

/** What rollup remarks although nothing is wrong: declarations that merge into a module which is not shipped. */
const harmless = /could not be resolved to any output chunk/

/** What lib.esnext.disposable declares, for those whose TypeScript (before 5.2) or target has none: the two are one where both are there. */
const disposable = `
declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol
    readonly asyncDispose: unique symbol
  }
  interface Disposable {
    [Symbol.dispose](): void
  }
  interface AsyncDisposable {
    [Symbol.asyncDispose](): PromiseLike<void>
  }
}
`

/** A class that an entry point exports as a type alone: that is lost as its declaration is joined to others. */
function withTypes(code, source) {
  const lists = source.matchAll(/^export type \{([^}]*)\}/gm)
  const names = [...lists].flatMap(([, list]) => list.match(/\w+/g))
  const name = new RegExp(`(?:\\w+ as )?\\b(${names.join('|')})(?=,| \\})`, 'g')
  return code.replace(/^export \{.*$/gm, (line) => line.replace(name, 'type $&'))
}

/**
 * @param {Record<string, string>} entries - by name: the .d.ts file to begin with; `<name>.d.cts` is made of it, and `<name>.d.ts`, which exports the same
 * @param {string} to - folder
 */
export async function joinDeclarations(entries, to) {
  const bundle = await rollup({
    input: entries,
    plugins: [dts()],
    external: /^node:/,
    onLog(level, log, report) {
      if (!harmless.test(log.message)) report(level === 'warn' ? 'error' : level, log)
    },
  })
  await bundle.write({
    dir: to,
    footer: disposable,
    entryFileNames: '[name].d.cts',
    chunkFileNames: 'shared-[hash].d.cts',
  })
  await bundle.close()
  // For bundlers alone: nothing can be imported of it.
  writeFileSync(join(to, 'worker.d.cts'), 'export {}\n')
  for (const [name, source] of Object.entries(entries)) {
    const joined = join(to, `${name}.d.cts`)
    writeFileSync(joined, withTypes(readFileSync(joined, 'utf8'), readFileSync(source, 'utf8')))
    // As dist/bundle does it: what is imported is what is required.
    writeFileSync(join(to, `${name}.d.ts`), `export * from './${name}.cjs'\n`)
  }
}
