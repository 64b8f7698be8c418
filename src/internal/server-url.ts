import { URL } from 'node:url'

/** A server's URL for messages: only protocol and host, because user and password may be in the query, too. */
export function shownServer(url: string): string {
  const { protocol, host } = URL.canParse(url) ? new URL(url) : { protocol: '', host: '' }
  // An address that cannot be parsed may hold a password anywhere.
  return host === '' ? 'the given URL' : `${protocol}//${host}`
}
