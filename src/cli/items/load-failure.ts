import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { messageOf } from '../../internal/text/error-text.js'
import type { TaskArgument } from './task-argument.js'

/** Describes why a task's module cannot be loaded; for a syntax error with the line, if it can be found. */
export function loadFailure(task: TaskArgument, error: unknown): Error {
  return new Error(`the module ${task.url} cannot be loaded: ${describe(task, error)}`, { cause: error })
}

function describe(task: TaskArgument, error: unknown): string {
  if (!(error instanceof Error)) return messageOf(error)
  const place = error instanceof SyntaxError ? placeOfFault(task) : undefined
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (${place})`}`
}

/** Finds the line of a SyntaxError by `node --check`, since the error lacks it. Undefined if the fault is in an imported module. */
function placeOfFault({ url }: TaskArgument): string | undefined {
  if (!url.startsWith('file:')) return undefined
  const { stderr } = spawnSync(process.execPath, ['--check', fileURLToPath(url)], { encoding: 'utf8' })
  // A path may contain spaces, and lines on Windows end with a carriage return, too.
  return /^(?:file:\/\/)?(.+:\d+)\r?\n/.exec(stderr)?.[1]
}
