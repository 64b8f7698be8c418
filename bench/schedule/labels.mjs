// Names of cells for a reader.
import { formatCount } from '../../dist/cli/text/table.js'
import { PAYLOADS } from './workloads.mjs'

/** A time such as 10us, as a reader writes it. */
export function timeLabel(time) {
  return time.replace('us', ' µs').replace('ms', ' ms')
}

/** A cell for a reader: `number, 10 µs × 10,000`. */
export function cellLabel({ payload, time, count }) {
  return `${PAYLOADS[payload].title}, ${timeLabel(time)} × ${formatCount(count)}`
}
