/** Between the parts of a name as it is shown. */
const DOT = ' · '

/** A shared name as people read it: `api · perAddress` for the limit `perAddress` of a middleware named `api`, whose parts `%` joins. */
export function shownName(name: string): string {
  const parts = name.replaceAll('%limit%', DOT).replaceAll(/%(?!25|2f|00)/g, DOT)
  return parts.replaceAll(/%(25|2f|00)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
}

/** Whether `asked` is the name, as it is or as it is shown, or its first parts. */
export function isNamed(name: string, asked: string): boolean {
  const shown = shownName(name)
  return name === asked || shown === asked || shown.startsWith(asked + DOT)
}

/** Whether a name holds `text`, as it is or as it is shown; case does not matter. */
export function holds(name: string, text: string): boolean {
  return [name, shownName(name)].some((each) => each.toLowerCase().includes(text.toLowerCase()))
}
