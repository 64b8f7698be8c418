// A corpus is one file, so that hundreds of inputs of a few bytes do not fill the repository: a line of base64 for each input.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const fileOf = (target) => join(import.meta.dirname, `${target}.corpus`)

/** Writes each input of the corpus to a file of its own in `folder`, as libFuzzer wants them. */
export function unpackCorpus(target, folder) {
  mkdirSync(folder, { recursive: true })
  if (!existsSync(fileOf(target))) return
  for (const line of readFileSync(fileOf(target), 'utf8')
    .split('\n')
    .filter((text) => text !== '')) {
    const content = Buffer.from(line, 'base64')
    writeFileSync(join(folder, createHash('sha1').update(content).digest('hex')), content)
  }
}

/** Adds `inputs` to the corpus. */
export function addToCorpus(target, inputs) {
  const before = existsSync(fileOf(target)) ? readFileSync(fileOf(target), 'utf8').split('\n') : []
  const lines = new Set([...before, ...inputs.map((content) => content.toString('base64'))])
  writeFileSync(
    fileOf(target),
    `${[...lines]
      .filter((line) => line !== '')
      .sort()
      .join('\n')}\n`,
  )
}

/** The inputs that libFuzzer left in `folder`, but for those longer than `maxBytes`. */
export function inputsIn(folder, maxBytes) {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)))
    .filter((content) => content.length <= maxBytes)
}
