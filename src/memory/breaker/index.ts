import { KIND, kindWord } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import type { Breaker } from './breaker.js'
import { NativeBreaker } from './native.js'
import { breakerCells, describeParameters } from './parameters.js'
import { TwinBreaker } from './twin.js'

/** Breakers, by their `BREAKER_PARAMETER`s; a new one is closed. */
export const breakers = new Subjects<Breaker, Float64Array>({
  word: kindWord(KIND.circuitBreaker),
  called: 'the circuit breaker',
  advice: ', or change it with update()',
  cells: breakerCells,
  make: (addon, view, parameters, clock) =>
    addon === null ? TwinBreaker.create(view, parameters, clock) : NativeBreaker.create(addon, view, parameters, clock),
  open: (addon, view, clock) =>
    addon === null ? new TwinBreaker(view, clock) : NativeBreaker.open(addon, view, clock),
  named: (addon, name, scope, asked, clock) => NativeBreaker.named(addon, name, scope, asked, clock),
  text: describeParameters,
})
