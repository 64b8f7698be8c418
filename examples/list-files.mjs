// Lists the files of a folder as NDJSON, one path per line, for `amorsize execute --items`:
//   node examples/list-files.mjs node_modules > files.ndjson            every file
//   node examples/list-files.mjs node_modules .js .mjs > files.ndjson   those with these endings
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const [folder = '.', ...ends] = process.argv.slice(2)
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && (ends.length === 0 || ends.some((end) => entry.name.endsWith(end))))
  .map((entry) => join(entry.parentPath, entry.name))
for (const path of files.sort()) process.stdout.write(`${JSON.stringify(path)}\n`)
