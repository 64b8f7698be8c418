// What is run: for each kind of item a function that computes for a number of steps, which the item holds, and items of that kind.
//
// The steps are integer multiplications whose result depends on all of them and on the item. Floating-point steps would take one
// of two times by chance, depending on what the compiler makes of them. The functions capture nothing, so that they can be sent
// to threads as they are; the rivals' workers import them from here.

/** A number holds its steps above these bits, and something of its own in them. */
const OWN_BITS = 6

export function spinNumber(item) {
  let x = item | 0
  for (let i = item >>> 6; i > 0; i--) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

export function spinRecord(item) {
  let x = item.id + item.text.charCodeAt(item.id % item.text.length)
  for (let i = item.steps; i > 0; i--) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

export function spinRows(item) {
  let x = item.rows[item.id % item.rows.length].value
  for (let i = item.steps; i > 0; i--) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

export function spinArray(item) {
  let x = (item[1] + item[item.length - 1]) | 0
  for (let i = item[0] | 0; i > 0; i--) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0
  return x
}

const TEXT_LENGTH = 940
const ROWS = 2000
const ARRAY_LENGTH = 1_250_000
/** Of a skewed workload, the share of items at the end that take so many times as long. */
const TAIL = { share: 0.05, factor: 20 }

function numbers(steps, count) {
  if (steps >= 2 ** (32 - OWN_BITS))
    throw new RangeError(
      `a number has room for ${2 ** (32 - OWN_BITS) - 1} steps; received ${steps}: take a shorter time`,
    )
  return Array.from({ length: count }, (_, id) => (steps << OWN_BITS) | (id % (1 << OWN_BITS)))
}

function skewedNumbers(steps, count) {
  const tail = Math.round(count * TAIL.share)
  return [...numbers(steps, count - tail), ...numbers(steps * TAIL.factor, tail)]
}

function records(steps, count) {
  const bytes = Buffer.alloc(TEXT_LENGTH, 'some text of a record; ')
  return Array.from({ length: count }, (_, id) => {
    bytes.writeUInt32BE(0x2020_2020 + (id & 0xffff), 0)
    return { id, name: `record ${id}`, isOpen: id % 2 === 0, steps, text: bytes.toString('latin1') }
  })
}

function tables(steps, count) {
  return Array.from({ length: count }, (_, id) => ({
    id,
    steps,
    rows: Array.from({ length: ROWS }, (_, row) => ({
      id: row,
      name: `row ${row} of ${id}`,
      isOpen: row % 2 === 0,
      value: (id * ROWS + row) | 0,
    })),
  }))
}

function arrays(steps, count) {
  return Array.from({ length: count }, (_, id) => {
    const array = new Float64Array(ARRAY_LENGTH).fill(id)
    array[0] = steps
    return array
  })
}

/**
 * The kinds of items. `task` names the function, `make` makes items that take `steps` steps, `few` is enough of them to calibrate
 * with, `bytes` is what one takes in memory, `weight` the mean time of an item over that of the first.
 */
export const PAYLOADS = {
  number: { title: 'number', task: 'spinNumber', make: numbers, few: 64, bytes: 8, weight: 1 },
  skew: {
    title: 'number, the last 5 % 20 × longer',
    task: 'spinNumber',
    make: skewedNumbers,
    few: 1,
    bytes: 8,
    weight: 1 + TAIL.share * (TAIL.factor - 1),
  },
  '1kb': { title: '1 KB object', task: 'spinRecord', make: records, few: 64, bytes: 1100, weight: 1 },
  rows: { title: '100 KB of rows', task: 'spinRows', make: tables, few: 8, bytes: 254_000, weight: 1 },
  '10mb': { title: '10 MB typed array', task: 'spinArray', make: arrays, few: 2, bytes: 8 * ARRAY_LENGTH, weight: 1 },
}

const tasks = { spinNumber, spinRecord, spinRows, spinArray }

/** The function that runs the items of this cell. */
export function taskOf({ payload }) {
  return tasks[PAYLOADS[payload].task]
}
