import { allocateTable, randomSeed, readTerms } from '../keyed/index.js'
import { keyedCells } from '../keyed/terms.js'
import { KIND, kindWord } from '../shared/layout.js'
import { Subjects } from '../shared/subjects.js'
import { NativeWindowTable } from './native.js'
import type { WindowTable } from './table.js'
import { type WindowParameters, WindowTerms } from './terms.js'
import { TwinWindowTable } from './twin.js'

/** Tables of windows by key; a new one is empty. Where there is no memory for one, a RangeError names its capacity. */
export const windowTables = new Subjects<WindowTable, WindowParameters>({
  word: kindWord(KIND.keyedWindow),
  cells: ({ capacity }) => keyedCells(capacity),
  allocate: allocateTable,
  read: (address) => readTerms(address, KIND.keyedWindow, (words) => WindowTerms.read(words)).asked,
  make: (addon, view, parameters, clock) =>
    addon === null
      ? TwinWindowTable.create(view, parameters, randomSeed(), clock)
      : NativeWindowTable.create(addon, view, parameters, randomSeed(), clock),
  open: (addon, view, clock) =>
    addon === null ? TwinWindowTable.open(view, clock) : NativeWindowTable.open(addon, view, clock),
  named: (addon, name, scope, asked, clock) => NativeWindowTable.named(addon, name, scope, asked, randomSeed(), clock),
  text: ({ capacity, evicts }) => `{ capacity: ${capacity}, onFull: '${evicts ? 'evict' : 'deny'}' }`,
})
