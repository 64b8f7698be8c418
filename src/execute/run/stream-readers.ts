import type { Readable } from 'node:stream'

/** The reader of an asynchronous iterable. That of a stream can be closed at any time. */
export function iteratorOf(iterable: AsyncIterable<unknown>): AsyncIterator<unknown> {
  if (isWebStream(iterable)) return readerOfWeb(iterable)
  return isNodeStream(iterable) ? readerOfNode(iterable) : iterable[Symbol.asyncIterator]()
}

/** Whether it is a web stream, also of another package, with the iterator that all of them have: a subclass may have its own. */
function isWebStream(iterable: AsyncIterable<unknown>): iterable is ReadableStream<unknown> {
  const { getReader, values } = iterable as Partial<ReadableStream>
  return typeof getReader === 'function' && iterable[Symbol.asyncIterator] === values
}

/** Reads a web stream. Its own iterator cannot be closed while it waits for the next item, but a reader can. */
function readerOfWeb(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader()
  const over = async (last?: Promise<void>): Promise<IteratorResult<unknown>> => {
    try {
      await last
    } finally {
      reader.releaseLock()
    }
    return { done: true, value: undefined }
  }
  return {
    next: () =>
      reader.read().then(
        (next) => (next.done ? over() : next),
        (error: unknown) => over(Promise.reject(error)),
      ),
    return: () => over(reader.cancel()),
  }
}

/** Whether it is a stream of Node, or of its package `readable-stream`. */
function isNodeStream(iterable: AsyncIterable<unknown>): iterable is Readable {
  return ['pipe', 'on', 'removeListener', 'destroy'].every((name) => typeof Reflect.get(iterable, name) === 'function')
}

/**
 * Reads a stream of Node. A generator iterates it, which does nothing before its first `next()`: until then no listener hears an error of the
 * stream, which ends the process. Nor does closing it destroy the stream then, or while a `next()` waits for a stream that is silent.
 */
function readerOfNode(stream: Readable): AsyncIterator<unknown> {
  const iterator: AsyncIterator<unknown> = stream[Symbol.asyncIterator]()
  /** The stream keeps its error for its next reader. */
  const keep = (): void => undefined
  stream.on('error', keep)
  let isUnread = true
  return {
    next: () => {
      try {
        return iterator.next()
      } finally {
        // It has begun, and hears of errors itself.
        if (isUnread) stream.removeListener('error', keep)
        isUnread = false
      }
    },
    return: () => {
      try {
        return iterator.return?.() ?? Promise.resolve({ done: true, value: undefined })
      } finally {
        stream.destroy()
      }
    },
  }
}
