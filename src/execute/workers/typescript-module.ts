/**
 * What the import of a module threw, or, where that is because Node cannot load TypeScript here, an error that says what to do.
 *
 * @param isWorker - whether this thread is a worker, which the thread that started it is not
 */
export function whyNotImported(url: string, error: unknown, isWorker: boolean): unknown {
  if (!/\.[cm]?tsx?$/.test(url) || (error as { code?: unknown } | null)?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') return error
  const how = 'use Node 22.18 or later, which strips types; or have Node register a loader as it starts, which workers then use too (node --import tsx); or name the compiled module'
  return new TypeError(`${url} is TypeScript, which Node ${process.version} does not load by itself${isWorker ? ' in a worker' : ''}: ${how}`, { cause: error })
}
