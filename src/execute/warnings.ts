const warned = new WeakMap<object, Set<string>>()
const warnedNames = new Map<string, Set<string>>()

/** Tells the person who runs the program, once for each task and kind of warning. */
export function warnOnce(task: object | string, code: string, message: string): void {
  const codes = (typeof task === 'string' ? warnedNames.get(task) : warned.get(task)) ?? new Set<string>()
  if (codes.has(code)) return
  codes.add(code)
  if (typeof task === 'string') warnedNames.set(task, codes)
  else warned.set(task, codes)
  process.emitWarning(message, { type: 'AmorsizeWarning', code })
}
