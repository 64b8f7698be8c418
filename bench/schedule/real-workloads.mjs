// The items of the real tasks: made of files that are here anyway, or of seeded numbers. Each takes the loop some 0.2 to 0.5 s; `share` takes part of them.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packages = fileURLToPath(new URL('../../node_modules/', import.meta.url))
const list = (count, share, itemOf) =>
  Array.from({ length: Math.max(8, Math.round(count * share)) }, (_, i) => itemOf(i))

/** Files below a folder whose names end so, in order of name; at most so many bytes in one. */
function files(folder, ending, most, share, mostBytes = 1e7) {
  return readdirSync(join(packages, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => statSync(path).size <= mostBytes)
    .sort()
    .slice(0, Math.max(8, Math.round(most * share)))
}

const texts = (share, count) => {
  const readmes = readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(packages, name, 'README.md'))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .sort()
    .map((path) => readFileSync(path, 'utf8'))
  // Documents of about the same size, each of several files.
  return list(count, share, (i) => [0, 1, 2, 3].map((n) => readmes[(i * 4 + n) % readmes.length]).join('\n\n'))
}

const record = (i) => ({ id: i, name: `record ${i}`, tags: ['a', 'b', `c${i % 7}`], open: i % 2 === 0, value: i % 100 })
const records = (from, count) => Array.from({ length: count }, (_, i) => record(from + i))

export const workloads = {
  sha256: { title: 'sha256 of files', items: (share) => files('.', '.js', 3000, share, 2e6) },
  gzip: {
    title: 'gzip of files',
    items: (share) => files('rollup/dist', '.js', 60, share).concat(files('echarts/lib', '.js', 200, share)),
  },
  pbkdf2: { title: 'pbkdf2', items: (share) => list(60, share, (i) => `password ${i}`) },
  transpile: { title: 'typescript.transpile', items: (share) => sourceFiles(share) },
  markdown: { title: 'markdown-it', items: (share) => texts(share, 80) },
  marked: { title: 'marked', items: (share) => texts(share, 80) },
  minify: { title: 'terser', items: (share) => files('echarts/lib', '.js', 60, share, 20_000) },
  json: { title: 'JSON.parse', items: (share) => list(100, share, (i) => JSON.stringify(records(i * 1000, 3000))) },
  ndjson: {
    title: 'NDJSON',
    items: (share) =>
      list(100, share, (i) =>
        records(i * 1000, 2000)
          .map((each) => JSON.stringify(each))
          .join('\n'),
      ),
  },
  matchLines: {
    title: 'regex over lines',
    items: (share) => list(300, share, (i) => Array.from({ length: 1000 }, (_, n) => lineOf(i * 1000 + n))),
  },
  weigh: {
    title: 'objects, every 20th 20 times as long',
    items: (share) => list(120, share, (i) => ({ seed: i, rounds: i % 20 === 19 ? 16_000_000 : 800_000 })),
  },
  scramble: { title: 'Buffers in and out', items: (share) => list(150, share, (i) => Buffer.alloc(500_000, i + 1)) },
  blur: {
    title: 'pictures, a 3 × 3 filter',
    items: (share) =>
      list(12, share, (i) => ({ width: 512, height: 512, pixels: new Uint8ClampedArray(512 * 512 * 4).fill(i) })),
  },
}

function sourceFiles(share) {
  const source = fileURLToPath(new URL('../../src/', import.meta.url))
  return readdirSync(source, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
    .slice(0, Math.max(8, Math.round(32 * share)))
}

function lineOf(i) {
  const level = ['info', 'debug', 'warn', 'error'][i % 4]
  return `2026-01-01T00:00:00Z ${level} request id=${i} path=/api/${i % 13}/items/${i} ms=${i % 900} ${i % 3 === 0 ? 'timeout' : 'done'}`
}
