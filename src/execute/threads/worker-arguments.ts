import type { Worker, WorkerOptions } from 'node:worker_threads'
import { startWorker } from '../worker/program.js'

/** Options of Node that a worker must not inherit, since it runs a file of its own. */
const NOT_FOR_WORKERS = /^(--input-type|--eval|-e|--print|-p|-pe|--interactive|-i|--check|-c|--test)(=|$)/

/** Options that Node accepts for a single worker, most of them: loaders, conditions and the like. */
const FOR_WORKERS =
  /^(--import|--require|-r|--loader|--experimental-[\w-]+|--conditions|-C|--no-[\w-]+|--enable-source-maps)(=|$)/

/** Options whose value may be an argument of its own. */
const WITH_VALUE = /^(--import|--require|-r|--loader|--experimental-loader|--conditions|-C)$/

/** Starts a worker with the options of this process, loaders among them. */
export function startLikeProcess(options: WorkerOptions): Worker {
  const execArgv = ownArguments()
  // It inherits them by itself.
  if (execArgv === undefined) return startWorker(options)
  try {
    return startWorker({ ...options, execArgv })
  } catch (error) {
    const refused = refusedBy(error)
    if (refused.length === 0) throw error
    return startWorker({ ...options, execArgv: execArgv.filter((argument) => !refused.includes(argument)) })
  }
}

function ownArguments(): string[] | undefined {
  const { execArgv } = process
  if (!execArgv.some((argument) => NOT_FOR_WORKERS.test(argument))) return undefined
  const kept: string[] = []
  for (let i = 0; i < execArgv.length; i++) {
    const argument = execArgv[i] ?? ''
    if (!FOR_WORKERS.test(argument)) continue
    kept.push(argument)
    if (WITH_VALUE.test(argument)) kept.push(execArgv[++i] ?? '')
  }
  return kept
}

/** Only Node knows which options are those of a whole process, and each version differs: V8's are, and some of Node's own. */
function refusedBy(error: unknown): string[] {
  const { code, message } = error as NodeJS.ErrnoException
  return code === 'ERR_WORKER_INVALID_EXEC_ARGV' ? message.replace(/^.*: /, '').split(', ') : []
}
