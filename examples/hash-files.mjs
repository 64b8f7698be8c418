// Hashes and compresses every file of node_modules: in a loop, then with execute. On the command line:
//   node examples/list-files.mjs node_modules > files.ndjson
//   npx amorsize execute ./examples/hash-files.mjs#hashFile --items files.ndjson --out hashes.ndjson --progress --checkpoint .checkpoint
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { deflateSync } from 'node:zlib'
import { execute, task } from 'amorsize'

export function hashFile(path) {
  const bytes = readFileSync(path)
  return {
    path,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    compressed: deflateSync(bytes).length,
  }
}

async function main() {
  // Two thousand files, picked evenly: enough to see a difference, and soon done.
  const entries = readdirSync('node_modules', { recursive: true, withFileTypes: true })
  const all = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const files = all.filter((_, i) => i % Math.ceil(all.length / 2000) === 0)
  files.forEach((path) => readFileSync(path)) // both find them in memory

  const loopStart = performance.now()
  const inLoop = files.map(hashFile)
  const loopMs = performance.now() - loopStart

  const start = performance.now()
  const results = await execute(task(import.meta.url, 'hashFile'), files, { progress: true })
  const ms = performance.now() - start

  const [bytes, compressed] = [
    results.reduce((sum, file) => sum + file.bytes, 0),
    results.reduce((sum, file) => sum + file.compressed, 0),
  ]
  console.log(`${files.length} files, ${(bytes / 1e6).toFixed(1)} MB, deflated to ${(compressed / 1e6).toFixed(1)} MB`)
  console.log(
    `loop ${loopMs.toFixed(0)} ms, execute ${ms.toFixed(0)} ms (${(loopMs / ms).toFixed(2)} times as fast); results equal: ${isDeepStrictEqual(results, inLoop)}`,
  )
}

// Not awaited here: execute imports this module by its URL, and an import waits until the module's own top level has ended.
if (isMainThread && process.argv[1]?.endsWith('hash-files.mjs')) void main()
