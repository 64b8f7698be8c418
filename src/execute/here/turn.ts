/** Gives the event loop a turn. @throws whatever `signal` was aborted with by then */
export async function turn(signal: AbortSignal | undefined): Promise<void> {
  await new Promise(setImmediate)
  signal?.throwIfAborted()
}

// The first turn of this kind takes a process longer than those that follow: better as it starts than in its first run.
setImmediate(() => undefined)
