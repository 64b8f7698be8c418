/** What {@link warnOnce} warns of, as the `code` of the process warning. */
export type HttpWarning = 'AMORSIZE_HTTP_STORE_REUSED' | 'AMORSIZE_HTTP_BUCKET_TERMS'

const warned = new Set<HttpWarning>()

/** Emits a process warning, the first time for each code: what is wrong with one request is wrong with the next. */
export function warnOnce(code: HttpWarning, text: string): void {
  if (warned.has(code)) return
  warned.add(code)
  process.emitWarning(text, { type: 'AmorsizeWarning', code })
}
