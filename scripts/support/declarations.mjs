// Joins the declarations of the package's entry points: what they export and what that refers to, and no more.
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

/**
 * @param {Record<string, string>} entries - by name: the .d.ts file to begin with; `<name>.d.ts` and, the same for CommonJS, `<name>.d.cts` are made of it
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
  for (const extension of ['d.ts', 'd.cts'])
    await bundle.write({
      dir: to,
      footer: disposable,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `shared-[hash].${extension}`,
    })
  await bundle.close()
}
