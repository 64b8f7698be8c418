import { option } from '../../internal/options/options.js'
import { describe } from '../../internal/options/validate.js'
import { RetryBudget } from './budget.js'

/** A retry budget, or none. It is shared by a handle of its own. */
export const budgetOption = option('here', (name, value): RetryBudget | undefined => {
  if (value === undefined || value instanceof RetryBudget) return value
  throw new TypeError(`${name} must be a RetryBudget; received ${describe(value)}`)
})
