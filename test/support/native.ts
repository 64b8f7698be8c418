import { describe, it } from 'vitest'

/**
 * Whether this run is without the addon on purpose. An addon that is merely missing is a failure, not a reason to skip,
 * so nothing else is looked at.
 */
export const addonForbidden = process.env['AMORSIZE_NATIVE'] === '0'

/** A test that needs the addon: counted as skipped under `AMORSIZE_NATIVE=0`. */
export const itWithAddon: ReturnType<typeof it.skipIf> = it.skipIf(addonForbidden)

/** A group of tests that need the addon: counted as skipped under `AMORSIZE_NATIVE=0`. */
export const describeWithAddon: ReturnType<typeof describe.skipIf> = describe.skipIf(addonForbidden)
