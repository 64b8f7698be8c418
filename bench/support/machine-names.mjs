// What a benchmark leaves in the machine's shared memory.
import { unlinkSync } from 'node:fs'
import { readMachine } from '../../dist/memory/machine/view.js'

/** Removes the names of the machine that `isOurs`. */
export function removeNames(isOurs) {
  for (const { name, file } of readMachine()) if (name !== undefined && name !== null && isOurs(name)) unlinkSync(file)
}
