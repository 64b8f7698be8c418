// Lists the files of a folder as NDJSON, one path a line, for `amorsize execute --items`:
//   node examples/list-files.mjs node_modules > files.ndjson            every file
//   node examples/list-files.mjs node_modules .js .mjs > files.ndjson   those that end so
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

/** Returns the files below `folder` in order; with `ends`, those whose names end so. */
export function listFiles(folder, ends = ['']) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ends.some((end) => entry.name.endsWith(end)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Whether the module at `url` is the program that was started: not one that another module, or a worker thread, has imported. */
export const isProgram = (url) => isMainThread && process.argv[1] !== undefined && url === pathToFileURL(resolve(process.argv[1])).href

if (isProgram(import.meta.url)) {
  const [folder = '.', ...ends] = process.argv.slice(2)
  for (const path of listFiles(folder, ends.length > 0 ? ends : undefined)) process.stdout.write(`${JSON.stringify(path)}\n`)
}
