// Source maps of what Node loads, so that the stack of an error names lines of TypeScript (`node --enable-source-maps`). They are small: by
// line and not by column, without the sources, which are found at the repository's tag of the version.
import { existsSync, readFileSync } from 'node:fs'
import { decode, encode } from '@jridgewell/sourcemap-codec'
import { manifest } from './project.mjs'

const repository = manifest.repository.url.replace(/^git\+https:\/\/github\.com\/(.*)\.git$/, '$1')
const sourceRoot = `https://raw.githubusercontent.com/${repository}/v${manifest.version}/`

/** Takes along what the compiler wrote beside each module. A plugin of rollup. */
export const mapsOfModules = {
  name: 'maps-of-modules',
  load(id) {
    const map = `${id}.map`
    return existsSync(map) ? { code: readFileSync(id, 'utf8'), map: readFileSync(map, 'utf8') } : null
  },
}

/** Makes the maps small. A plugin of rollup's output, whose files lie two folders below the project's. */
export const smallMaps = {
  name: 'small-maps',
  generateBundle(_, files) {
    for (const file of Object.values(files))
      if (file.type === 'asset' && file.fileName.endsWith('.map'))
        file.source = byLine(JSON.parse(file.source), files[file.fileName.slice(0, -4)].code.split('\n'))
  },
}

function byLine({ version, file, sources, mappings }, code) {
  return JSON.stringify({
    version,
    file,
    sourceRoot,
    sources: sources.map((path) => path.replace('../../', '')),
    names: [],
    mappings: encode(decode(mappings).map((places, line) => changesOfLine(places).filter(mayThrow(code[line])))),
  })
}

/** Of the places in a line of output, those where another line of the sources begins. */
function changesOfLine(places) {
  const kept = []
  let last
  for (const [column, source, line] of places) {
    if (source === undefined || (source === last?.source && line === last.line)) continue
    last = { source, line }
    kept.push([column, source, line, 0])
  }
  return kept
}

/** What calls, waits or looks something up: a stack names no other code. */
const mayThrow =
  (code) =>
  ([column], at, places) =>
    /[([.]|throw|new|await|yield/.test(code.slice(column, places[at + 1]?.[0]))
