// The scheduler at length. AMORSIZE_SOAK_KILLS (1000) is how many workers are killed in all, AMORSIZE_SOAK_ITEMS (10,000,000) how many
// items go through each stream.
import { afterAll, describe, it } from 'vitest'
import { type Deaths, expectAllThroughKills, forms } from '../stress/execute-kills.js'
import { expectFlatMemory, streams } from '../stress/stream-memory.js'

const kills = Number(process.env['AMORSIZE_SOAK_KILLS'] ?? 1000)
const items = Number(process.env['AMORSIZE_SOAK_ITEMS'] ?? 10_000_000)

describe(`${kills} deaths of workers`, () => {
  const all: Deaths[] = []
  it.each(forms)('lose and repeat nothing: %s', async (form) => {
    all.push(await expectAllThroughKills(form, Math.ceil(kills / forms.length)))
  })

  afterAll(() => {
    const sum = (of: keyof Deaths): number => all.reduce((total, deaths) => total + deaths[of], 0)
    console.log(
      `${sum('exit')} by process.exit(), ${sum('memory')} for want of memory, ${sum('terminate')} by terminate(), in ${sum('runs')} runs`,
    )
  })
})

describe(`memory stays flat over ${items} streamed items`, () => {
  it.each(streams)('%s', (_, options, hasObjects) => expectFlatMemory(items, options, hasObjects))
})
