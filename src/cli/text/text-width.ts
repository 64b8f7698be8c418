import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter()
/** Text in which every character takes one column, as nearly all text does. */
const NARROW = /^[\u0020-\u007e]*$/u

/** Number of terminal columns that `text` takes: two for wide characters and emoji, none for combining marks and style codes. */
export function textWidth(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text)
}

/** The beginning of `text` that fits into `width` columns. No character is cut in two. */
export function fitting(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  let fits = ''
  let room = width
  for (const { segment } of segmenter.segment(text)) {
    room -= textWidth(segment)
    if (room < 0) break
    fits += segment
  }
  return fits
}
