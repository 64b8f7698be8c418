// Tasks over files and Buffers, as programs write them.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { isMainThread } from 'node:worker_threads'
import { gunzipSync, gzipSync } from 'node:zlib'

export const hashOfFile = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
export const hash = (data) => createHash('sha256').update(data).digest('hex')
export const zipFile = (path) => gzipSync(readFileSync(path))
export const zip = (data) => gzipSync(data)
export const unzip = (data) => gunzipSync(data)
export const read = (path) => readFile(path)

/** What arrived: its class, its text, and where. */
export const kindOf = (item) => ({
  kind: item?.constructor?.name,
  isBuffer: Buffer.isBuffer(item),
  text: Buffer.isBuffer(item) ? item.toString('latin1') : null,
  isMainThread,
})

/** The same for a Buffer that lies in an object. */
export const kindsWithin = ({ name, body, parts }) => ({
  name,
  body: kindOf(body),
  parts: parts.map((part) => kindOf(part).isBuffer),
})

export const same = (item) => item
