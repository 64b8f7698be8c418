import stringWidth from 'string-width'

const segmenter = new Intl.Segmenter()
/** Characters of one column each: nearly all text. */
const NARROW = /^[\u0020-\u007e]*$/u

/** Columns of a terminal that `text` takes: two for wide characters and emoji, none for marks and for codes that style it. */
export function textWidth(text: string): number {
  return NARROW.test(text) ? text.length : stringWidth(text)
}

/** As much of `text`, from its beginning, as fits into `width` columns. No character is cut in two. */
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
