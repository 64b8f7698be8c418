import { URL } from 'node:url'

/** Where a server is, as messages may say it: its URL without user and password, which may stand in the query, too. */
export function shownServer(url: string): string {
  const { protocol, host } = URL.canParse(url) ? new URL(url) : { protocol: '', host: '' }
  // An address that cannot be parsed may hold a password anywhere.
  return host === '' ? 'the given URL' : `${protocol}//${host}`
}
