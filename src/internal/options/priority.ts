import type { NumberRange } from './validate.js'

/** How much a request or call matters among those that compete for the same places: 9 most, 0 least. */
export const PRIORITIES = { min: 0, max: 9, integer: true } as const satisfies NumberRange
/** The default priority. */
export const USUAL_PRIORITY = 5
