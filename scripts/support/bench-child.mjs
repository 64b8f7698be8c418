// Joins what `amorsize bench` needs of bench/ into one file of dist/cli, beside what it imports of the package.
import { dirname, isAbsolute, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rollup } from 'rollup'
import { root } from './project.mjs'

const bench = join(root, 'bench')
const dist = join(root, 'dist')
const listOfRivals = join(bench, 'support', 'rivals.mjs')

/** @param {string} file - where it goes, in dist/cli */
export async function joinBenchChild(file) {
  const joined = await rollup({
    input: join(bench, 'decide', 'child.mjs'),
    external: isNotOfBench,
    plugins: [{ name: 'list-of-rivals', load: (id) => (id === listOfRivals ? rivalsAsImports() : null) }],
  })
  // The package is '../index.js' there, as for the rest of dist/cli.
  const place = (id) => {
    if (!id.startsWith(dist)) return id
    const path = relative(dirname(file), id === join(dist, 'bundle', 'index.js') ? join(dist, 'index.js') : id)
    return (path.startsWith('.') ? path : `./${path}`).replaceAll('\\', '/')
  }
  await joined.write({ file, format: 'es', paths: place, inlineDynamicImports: true })
  await joined.close()
}

/** Packages stay imports, and so does what lies in dist/ already. */
function isNotOfBench(id, from) {
  const path = id.startsWith('.') ? join(dirname(from), id) : id
  return !isAbsolute(path) || path.startsWith(dist)
}

/** The folder cannot be read where the package is installed, so its files are named: those that decide. */
async function rivalsAsImports() {
  const { rivalsWith } = await import(pathToFileURL(listOfRivals).href)
  const rivals = rivalsWith('decide')
  return [
    ...rivals.map(({ name }, i) => `import { decide as decide${i} } from '../rivals/${name}.mjs'`),
    'export const rivals = [',
    ...rivals.map(
      ({ name, title, role }, i) => `  { ...${JSON.stringify({ name, title, role })}, decide: decide${i} },`,
    ),
    ']',
  ].join('\n')
}
