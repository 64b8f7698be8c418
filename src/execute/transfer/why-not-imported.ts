/**
 * The error of the import of a task's module. If the module does not exist, or is TypeScript that Node cannot load here, an error that says
 * so in terms of the task.
 *
 * @param isWorker - whether this thread is a worker, which the thread that started it is not
 */
export function whyNotImported(url: string, error: unknown, isWorker: boolean): unknown {
  const { code, url: missing } = (error ?? {}) as { readonly code?: unknown; readonly url?: unknown }
  // If a module that it imports is missing, the error says enough.
  if (code === 'ERR_MODULE_NOT_FOUND' && missing === url) {
    return new TypeError(`the task's module does not exist: ${url}`, { cause: error })
  }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(url)) {
    const how = loadsHereOnly(isWorker)
      ? 'before Node 22 what `--import` registers is not there in workers: use Node 22.18 or later, or name the compiled module'
      : 'use Node 22.18 or later, which strips types; or have Node register a loader as it starts, which workers then use too (node --import tsx, node -r ts-node/register); or name the compiled module'
    return new TypeError(
      `${url} is TypeScript, which Node ${process.version} does not load by itself${isWorker ? ' in a worker' : ''}: ${how}`,
      { cause: error },
    )
  }
  return error
}

/** Whether a loader was registered as the process started that this Node has in its first thread only. */
function loadsHereOnly(isWorker: boolean): boolean {
  const [major = 0] = process.versions.node.split('.').map(Number)
  return isWorker && major < 22 && process.execArgv.some((argument) => argument.startsWith('--import'))
}
