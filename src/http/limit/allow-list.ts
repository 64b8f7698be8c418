import { BlockList, isIP } from 'node:net'
import { describe } from '../../internal/options/validate.js'
import { withoutPort } from './ip-key.js'

/** Whether an address is in `allow`: addresses and networks (`10.0.0.0/8`, `2001:db8::/32`). @throws {TypeError} naming any other entry */
export function allowList(allow: unknown): (ip: string) => boolean {
  if (!Array.isArray(allow)) throw new TypeError(`allow must be an array of networks; received ${describe(allow)}`)
  const list = new BlockList()
  for (const entry of allow as unknown[]) add(list, entry)
  return (ip) => {
    const [address = ''] = withoutPort(ip).split('%')
    const family = isIP(address)
    // BlockList also finds an IPv4 address that is written as an IPv6 one.
    return family !== 0 && list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}

function add(list: BlockList, entry: unknown): void {
  const [address = '', bits, rest] = typeof entry === 'string' ? entry.split('/') : []
  const family = isIP(address)
  const type = family === 6 ? 'ipv6' : 'ipv4'
  const most = family === 6 ? 128 : 32
  const isNetwork = bits !== undefined && /^\d{1,3}$/.test(bits) && Number(bits) <= most
  if (family === 0 || rest !== undefined || (bits !== undefined && !isNetwork))
    throw new TypeError(`allow must hold addresses and networks such as '10.0.0.0/8'; received ${describe(entry)}`)
  if (bits === undefined) list.addAddress(address, type)
  else list.addSubnet(address, Number(bits), type)
}
