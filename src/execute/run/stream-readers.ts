import type { Readable } from 'node:stream'

/** What draws the items of an asynchronous iterable. That of a stream can be closed at any time. */
export function iteratorOf(iterable: AsyncIterable<unknown>): AsyncIterator<unknown> {
  if (isWebStream(iterable)) return readerOfWeb(iterable)
  return isNodeStream(iterable) ? readerOfNode(iterable) : iterable[Symbol.asyncIterator]()
}

/** Whether it is a web stream, also of another package, with the iterator that all of them have: a subclass may have its own. */
function isWebStream(iterable: AsyncIterable<unknown>): iterable is ReadableStream<unknown> {
  const { getReader, values } = iterable as Partial<ReadableStream>
  return typeof getReader === 'function' && iterable[Symbol.asyncIterator] === values
}

/** What reads a web stream. Its own iterator cannot be closed while it waits for what comes next, and a reader can. */
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
 * What reads a stream of Node. A generator iterates it, which does nothing before its first `next()`: nobody hears an error of the stream until
 * then, which ends the process. Nor does closing it destroy the stream then, or while a `next()` waits for a stream that is silent.
 */
function readerOfNode(stream: Readable): AsyncIterator<unknown> {
  const iterator: AsyncIterator<unknown> = stream[Symbol.asyncIterator]()
  /** The stream keeps its error for whoever reads it. */
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
