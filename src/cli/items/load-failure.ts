import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../internal/text/error-text.js'
import type { TaskArgument } from './task-argument.js'

/** The fault of a task's module, with the line that cannot be parsed. */
export function loadFailure(task: TaskArgument, error: unknown): Error {
  return new Error(`the module ${task.url} cannot be loaded: ${describe(task, error)}`, { cause: error })
}

function describe(task: TaskArgument, error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error)
  const place = error instanceof SyntaxError ? placeOfFault(task) : undefined
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (${place})`}`
}

/** A module that cannot be parsed does not say where; the check of Node does. Undefined where it is one that the module imports. */
function placeOfFault({ url }: TaskArgument): string | undefined {
  if (!url.startsWith('file:')) return undefined
  const { stderr } = spawnSync(process.execPath, ['--check', fileURLToPath(url)], { encoding: 'utf8' })
  // A path may have blanks, and lines of Windows end otherwise.
  return /^(?:file:\/\/)?(.+:\d+)\r?\n/.exec(stderr)?.[1]
}
