import { builtins } from '../../internal/builtins.js'

/**
 * What another thread would get. It does what the global `structuredClone` does, which a page of jsdom lacks.
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
