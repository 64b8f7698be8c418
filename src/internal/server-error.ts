/** An error that a Redis or Valkey server has answered, by its first word; but for those that pass by themselves. */
const LASTING = /^(?!LOADING|BUSY|TRYAGAIN|MOVED|ASK|CLUSTERDOWN|MASTERDOWN|NOSCRIPT)([A-Z]{3,}) /

/** The first word of what a server has answered for good, such as `WRONGPASS`; undefined where it has not, or may answer otherwise soon. */
export function lastingKind(message: string): string | undefined {
  return LASTING.exec(message)?.[1]
}

/** Why a login was refused. ioredis puts the command into its error, and with it the password, which has no place where errors are logged. */
export function withoutPassword(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { command } = error as { readonly command?: { readonly name?: unknown } }
  if (!/^(auth|hello)$/i.test(String(command?.name))) return error
  const { name, message, stack } = error
  return Object.defineProperties(new Error(message), { name: { value: name }, stack: { value: stack } })
}
