// Where the items of a stream come from.
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

const lineOf = (i) => JSON.stringify({ id: i, name: `record ${i}`, tags: ['a', 'b', `c${i % 7}`], value: i % 100 })

/** The file that `open` reads. */
export const textOf = (count) => `${Array.from({ length: count }, (_, i) => lineOf(i)).join('\n')}\n`

export const sources = {
  file: {
    title: 'lines of a file',
    open: (path) => createInterface({ input: createReadStream(path), crlfDelay: Infinity }),
  },
  generator: {
    title: 'a generator',
    *open(path, count) {
      for (let i = 0; i < count; i++) yield lineOf(i)
    },
  },
  'async-generator': {
    title: 'an async generator',
    async *open(path, count) {
      for (let i = 0; i < count; i++) yield lineOf(i)
    },
  },
}
