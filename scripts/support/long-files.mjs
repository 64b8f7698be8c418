// Which files are longer than one idea takes.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './project.mjs'

export const MOST_LINES = 300
const FOLDERS = ['src', 'native', 'scripts', 'bench', 'test']
const SOURCES = /\.(ts|mjs|cc|h)$/

/** Returns the sources of more than {@link MOST_LINES} lines, the longest first. */
export function longFiles() {
  return FOLDERS.flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && SOURCES.test(entry.name) && !/node_modules|fixtures/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ file: relative(root, path), lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MOST_LINES)
    .sort((a, b) => b.lines - a.lines)
}
