import { KIND, kindWord } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import { Breaker } from './breaker.js'
import { breakerCells, describeParameters } from './parameters.js'

/** Breakers, by their `BREAKER_PARAMETER`s; a new one is closed. */
export const breakers = new Subjects<Breaker, Float64Array>({
  word: kindWord(KIND.circuitBreaker),
  called: 'the circuit breaker',
  advice: ', or change it with update()',
  cells: breakerCells,
  make: (core, view, parameters, clock) => Breaker.create(core, view, parameters, clock),
  open: (core, view, parameters, clock) => ({ subject: Breaker.open(core, view, clock), parameters }),
  named: (core, name, scope, asked, clock) => Breaker.named(core, name, scope, asked, clock),
  text: describeParameters,
})
