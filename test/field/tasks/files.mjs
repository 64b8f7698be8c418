// Tasks over files and Buffers, as programs write them.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { gunzipSync, gzipSync } from 'node:zlib'

export const hashOfFile = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
export const hash = (data) => createHash('sha256').update(data).digest('hex')
export const zipFile = (path) => gzipSync(readFileSync(path))
export const zip = (data) => gzipSync(data)
export const unzip = (data) => gunzipSync(data)
export const read = (path) => readFile(path)
