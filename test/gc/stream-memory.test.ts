import { describe, it } from 'vitest'
import { expectFlatMemory, streams } from '../stress/stream-memory.js'

describe('memory stays flat over 300,000 streamed items', () => {
  const isShared = ([, { workers, mainThread }]: (typeof streams)[number]): boolean =>
    workers !== undefined && mainThread !== false
  it.each(streams.filter((one) => !isShared(one)))('%s', (_, options, hasObjects) =>
    expectFlatMemory(300_000, options, hasObjects),
  )
  // An item takes forty times as long there.
  it.each(streams.filter(isShared))(
    '%s: over 100,000',
    (_, options, hasObjects) => expectFlatMemory(100_000, options, hasObjects),
    120_000,
  )
})
