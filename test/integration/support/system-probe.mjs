// Prints what systemInfo() and Node say here. With `allocate ours|node` it then uses that much memory less 5 %, and says so if it
// is still alive.
import { systemInfo } from '../../../dist/system/index.js'

const [mode, whose] = process.argv.slice(2)
const info = systemInfo()
const node = { constrained: process.constrainedMemory(), available: process.availableMemory() }

if (mode === 'allocate') {
  const CHUNK = 4 * 2 ** 20
  const wanted = 0.95 * (whose === 'ours' ? info.memory.availableBytes : node.available)
  const kept = []
  for (let bytes = 0; bytes + CHUNK <= wanted; bytes += CHUNK) kept.push(Buffer.alloc(CHUNK, 1))
  console.log(JSON.stringify({ survived: true, wanted, chunks: kept.length }))
} else if (mode === 'hold') {
  // A property of the global object: a variable that is not used again would be collected.
  globalThis.held = Buffer.alloc(Number(whose), 1)
  console.log(`holding ${globalThis.held.length}`)
  // The end of standard input, which the test closes, ends the process.
  process.stdin.resume()
} else {
  console.log(JSON.stringify({ ...info, node }))
}
