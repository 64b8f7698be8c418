import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { usualHistory } from '../history-file.js'

/** The lessons that the user has solved. */
export interface LessonProgress {
  readonly solved: readonly number[]
  /** Why the saved progress cannot be read; null if it can, or if there is none yet. */
  readonly fault: string | null
}

const progressFile = (): string => join(dirname(usualHistory()), 'lessons.json')

/** Reads which lessons were solved. A damaged file counts as none, and `fault` says so. */
export function readProgress(): LessonProgress {
  const file = progressFile()
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as { readonly solved?: unknown } | null
    const solved = value?.solved
    if (Array.isArray(solved) && solved.every((one) => Number.isInteger(one)))
      return { solved: solved as number[], fault: null }
    return { solved: [], fault: `${file} does not hold the lessons that were solved` }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { solved: [], fault: null }
    return { solved: [], fault: `${file} cannot be read: ${(error as Error).message}` }
  }
}

/**
 * Records that a lesson was solved.
 *
 * @returns why that cannot be saved; null if it was
 */
export function keepSolved(lesson: number): string | null {
  const file = progressFile()
  const { solved } = readProgress()
  try {
    mkdirSync(dirname(file), { recursive: true })
    const partial = `${file}.${process.pid}`
    writeFileSync(partial, `${JSON.stringify({ solved: [...new Set([...solved, lesson])].sort((a, b) => a - b) })}\n`)
    renameSync(partial, file)
    return null
  } catch (error) {
    return `that it was solved cannot be kept: ${(error as Error).message}`
  }
}
