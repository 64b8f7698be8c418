import { describe, it } from 'vitest'
import { expectFlatMemory, streams } from '../stress/stream-memory.js'

describe('memory stays flat over 300,000 streamed items', () => {
  it.each(streams)('%s', (_, options, hasObjects) => expectFlatMemory(300_000, options, hasObjects))
})
