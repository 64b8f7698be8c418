/** Separates the parts of a name that is shown. */
const DOT = ' · '

/** A shared name for people: `api · perAddress` for the limit `perAddress` of a middleware `api`. In the raw name `%` joins the parts. */
export function shownName(name: string): string {
  const parts = name.replaceAll('%limit%', DOT).replaceAll(/%(?!25|2f|00)/g, DOT)
  return parts.replaceAll(/%(25|2f|00)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
}

/** Whether `asked` is the name, in its raw or its shown form, or the first parts of the shown form. */
export function isNamed(name: string, asked: string): boolean {
  const shown = shownName(name)
  return name === asked || shown === asked || shown.startsWith(asked + DOT)
}

/** Whether a name contains `text`, in its raw or its shown form; case does not matter. */
export function holds(name: string, text: string): boolean {
  return [name, shownName(name)].some((each) => each.toLowerCase().includes(text.toLowerCase()))
}
