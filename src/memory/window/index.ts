import { allocateTable, randomSeed } from '../keyed/index.js'
import { keyedCells } from '../keyed/table.js'
import { KEYED, KIND, kindWord } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import { type WindowParameters, WindowTable } from './table.js'

/** Tables of windows by key; a new one is empty. If there is no memory for one, a RangeError names its capacity. */
export const windowTables = new Subjects<WindowTable, WindowParameters>({
  word: kindWord(KIND.keyedWindow),
  cells: ({ capacity }) => keyedCells(capacity),
  cellsAtLeast: KEYED.headerCells,
  allocate: allocateTable,
  make: (core, view, parameters, clock) => WindowTable.create(core, view, parameters, randomSeed(), clock),
  open: (core, view, _, clock) => WindowTable.open(core, view, clock),
  named: (core, name, scope, asked, clock) => WindowTable.named(core, name, scope, asked, randomSeed(), clock),
  text: ({ capacity, evicts }) => `{ capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`,
})
