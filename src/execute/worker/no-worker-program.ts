/**
 * The error of a program that a bundler has made without that of its workers.
 *
 * @param folder - where it was looked for
 */
export function noWorkerProgram(folder: string | undefined): Error {
  return new Error(
    `a bundler has joined amorsize into this program, and ${folder ?? 'its folder'} holds no program for workers: mark amorsize as external, ` +
      "or add 'amorsize/worker' as an entry point of the name amorsize-worker: " +
      'https://github.com/amorsize/amorsize-node/blob/main/docs/platforms.md#worker-threads-in-a-bundle',
  )
}
