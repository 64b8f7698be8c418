// Real tasks, as a program would have them in a module of its own. Each is a module's export, so that threads can import it; what a
// library costs to load and compile is paid by whoever calls the task first, in each thread anew.
import { createHash, pbkdf2Sync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'

const require = createRequire(import.meta.url)
const lazily = (make) => {
  let made
  return () => (made ??= make())
}
const typescript = lazily(() => require('typescript'))
const markdownIt = lazily(() => {
  const exported = require('markdown-it')
  return (exported.default ?? exported)()
})
const markedLibrary = lazily(() => require('marked'))
const terser = lazily(() => require('terser'))

export const sha256 = async (path) =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

export const gzip = (path) => gzipSync(readFileSync(path)).length

export const pbkdf2 = (password) => pbkdf2Sync(password, 'salt', 10_000, 32, 'sha256').toString('hex')

export const transpile = (path) => typescript().transpileModule(readFileSync(path, 'utf8'), {}).outputText.length

export const markdown = (text) => markdownIt().render(text).length

export const marked = (text) => markedLibrary().parse(text).length

/** Returns a promise, and waits for nothing. */
export const minify = async (path) => (await terser().minify(readFileSync(path, 'utf8'), { module: true })).code.length

export const json = (text) => JSON.parse(text).reduce((sum, { value }) => sum + value, 0)

export function ndjson(block) {
  let sum = 0
  for (const line of block.split('\n')) if (line !== '') sum += JSON.parse(line).value
  return sum
}

/** Like most logs: some lines match. */
export function matchLines(lines) {
  let found = 0
  for (const line of lines) if (/\b(?:error|warn)\b.*\bid=(\d+)\b.*(?:timeout|refused)$/i.test(line)) found++
  return found
}

/** An object with some work in it; `rounds` differ from item to item. */
export function weigh({ seed, rounds }) {
  let x = seed
  for (let i = rounds; i > 0; i--) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return { seed, x }
}

/** A Buffer in, a Buffer out. */
export function scramble(bytes) {
  const out = Buffer.allocUnsafe(bytes.length)
  let key = 17
  for (let i = 0; i < bytes.length; i++) {
    key = (Math.imul(key, 31) + bytes[i]) & 255
    out[i] = bytes[i] ^ key
  }
  return out
}

/** A picture's mean of 3 × 3 pixels, for each of four channels. */
export function blur({ width, height, pixels }) {
  const out = new Uint8ClampedArray(pixels.length)
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0
        for (let dy = -1; dy <= 1; dy++)
          for (let dx = -1; dx <= 1; dx++) sum += pixels[((y + dy) * width + x + dx) * 4 + channel]
        out[(y * width + x) * 4 + channel] = sum / 9
      }
    }
  }
  return out
}
