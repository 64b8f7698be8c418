// Only for docstrings: parts of Node.
export { createHash } from 'node:crypto'
export { readFileSync } from 'node:fs'
export { readFile } from 'node:fs/promises'
export { createServer } from 'node:http'
export { createInterface } from 'node:readline'
