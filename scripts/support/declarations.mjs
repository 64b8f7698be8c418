// Joins the declarations of the package's entry points: what they export and what that refers to, and no more.
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

/** What rollup remarks although nothing is wrong: declarations that merge into a module which is not shipped. */
const harmless = /could not be resolved to any output chunk/

/**
 * @param {Record<string, string>} entries - by name: the .d.ts file to begin with; `<name>.d.ts` is made of it
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
  // The default library of the target that we support has no `Disposable`; nobody need ask for it on our account.
  await bundle.write({
    dir: to,
    banner: '/// <reference lib="esnext.disposable" />',
    entryFileNames: '[name].d.ts',
    chunkFileNames: 'shared-[hash].d.ts',
  })
  await bundle.close()
}
