import type { WriteStream } from 'node:tty'

/** A stream that may be a terminal. */
export type Output = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'hasColors'>>

/** Marks up text for one stream; changes nothing if the stream is no terminal or `NO_COLOR` is set. */
export interface Styles {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly yellow: (text: string) => string
}

/** Returns the styles that `stream` can show. */
export function stylesFor(stream: Output): Styles {
  const coloured = stream.isTTY === true && stream.hasColors?.() === true
  const style = (on: number, off: number) => (text: string) => (coloured ? `\u001b[${on}m${text}\u001b[${off}m` : text)
  return { bold: style(1, 22), dim: style(2, 22), red: style(31, 39), yellow: style(33, 39) }
}

/** Makes `text` safe to print: characters that a terminal would obey become the replacement character. */
export function printable(text: string): string {
  return text.replace(FOR_TERMINALS, '\uFFFD')
}

/** Like {@link printable}, for text of several lines. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n')

/** Returns `value` as a line of JSON in which characters that a terminal would obey are escaped. */
export function jsonLine(value: unknown): string {
  const escape = (sign: string): string => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `${JSON.stringify(value).replace(FOR_TERMINALS, escape)}\n`
}

const FOR_TERMINALS = /\p{Cc}|\p{Bidi_Control}/gu
