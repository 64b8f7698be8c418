// Joins the declarations of the package's entry points: what they export and what that refers to, and no more.
import { writeFileSync } from 'node:fs'
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

/** An abstract class is exported as a type alone, which is lost where other classes extend it. */
const typesOfAbstract = {
  name: 'types-of-abstract',
  renderChunk(code, { isEntry }) {
    const names = [...code.matchAll(/^declare abstract class (\w+)/gm)].map(([, name]) => name)
    if (!isEntry || names.length === 0) return null
    const name = new RegExp(`\\b(${names.join('|')})\\b`, 'g')
    return code.replace(/^export \{.*$/gm, (line) => line.replace(name, 'type $1'))
  },
}

/**
 * @param {Record<string, string>} entries - by name: the .d.ts file to begin with; `<name>.d.cts` is made of it, and `<name>.d.ts`, which exports the same
 * @param {string} to - folder
 */
export async function joinDeclarations(entries, to) {
  const bundle = await rollup({
    input: entries,
    plugins: [dts(), typesOfAbstract],
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
  // As dist/bundle does it: what is imported is what is required.
  for (const name of Object.keys(entries)) writeFileSync(join(to, `${name}.d.ts`), `export * from './${name}.cjs'\n`)
}
