import { describe, expect, it } from 'vitest'
import { type Row, isMet, measured, rows } from '../../bench/waiting/table.mjs'
import { addonForbidden } from '../support/native.js'

const canShare = !addonForbidden && process.platform !== 'win32'

/** What a busy machine may do to ratios of times is in the table; all other figures are held exactly. */
const limitOf = ({ wanted, tolerated }: Row): number => tolerated ?? wanted

describe('the table of what callers that wait may rely on (npm run bench -- waiting shows it)', () => {
  for (const row of rows.filter(({ isLong = false }) => !isLong)) {
    const { situation, side, unit, isReal = false } = row
    const run = it.skipIf(isReal && !canShare)
    run(`${situation}: ${side} ${limitOf(row)} ${unit}`, { timeout: 120_000 }, async () => {
      const value = await measured(row, limitOf(row))
      expect(isMet(row, value, limitOf(row)), `${value} ${unit}`).toBe(true)
    })
  }
})
