import { builtins } from '../../internal/builtins.js'

/** A clone of so many numbers takes less as one typed array. */
const MANY_NUMBERS = 64

/** The same values, as a typed array if they are many numbers and nothing else. */
export function packNumbers<T>(values: readonly T[]): ArrayLike<T> {
  const isPacked = values.length >= MANY_NUMBERS && values.every((value) => typeof value === 'number')
  return isPacked ? (new Float64Array(values) as ArrayLike<number> as ArrayLike<T>) : values
}

/**
 * The value as another thread would get it. Works as the global `structuredClone`, which a page of jsdom lacks.
 *
 * @throws {DOMException} DataCloneError when it cannot be cloned
 */
export function cloneOf<T>(value: T): T {
  const { structuredClone: clone } = globalThis as Partial<typeof globalThis>
  if (clone !== undefined) return clone(value)
  const { MessageChannel, receiveMessageOnPort } = builtins.workerThreads
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(value)
    return (receiveMessageOnPort(port2) as { message: T }).message
  } finally {
    port1.close()
  }
}
