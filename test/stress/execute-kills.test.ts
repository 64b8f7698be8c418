import { describe, it } from 'vitest'
import { expectAllThroughKills, forms } from './execute-kills.js'

describe('each item settles once, with the result of the loop, while workers die', () => {
  it.each(forms)('%s', async (form) => {
    await expectAllThroughKills(form, 4)
  })
})
