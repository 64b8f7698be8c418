import { BlockList, isIP, isIPv4 } from 'node:net'
import { checkNumber, describe } from '../../internal/options/validate.js'

/** How much of an IPv6 address makes a key: providers hand out at least a /56 to one customer, who may use each address in it. */
export const DEFAULT_IPV6_PREFIX = 56

/**
 * The key of an address: of IPv6 the network, since one customer has all addresses in it, and of an IPv4 address that is written as an
 * IPv6 one (`::ffff:1.2.3.4`, `::ffff:102:304`) the IPv4 address. Other text comes back as it is.
 *
 * @param ip - an address, with or without a zone (`fe80::1%eth0`) or a port, as some proxies tell it (`1.2.3.4:5678`, `[2001:db8::1]:443`)
 * @param prefix - how many bits of an IPv6 address count; an integer from 1 to 128, default 56
 * @returns an IPv4 address, or an IPv6 network such as `2001:db8:0:100::/56`
 * @throws {TypeError | RangeError} when `prefix` is none
 *
 * @example
 * const limits = { minute: { max: 50, windowMs: 60_000 } }
 * const limit = connectLimit({
 *   limits,
 *   key: (req) =>
 *     req.headers['x-api-key']?.toString() ??
 *     ipKey(req.socket?.remoteAddress ?? ''),
 * })
 */
export function ipKey(ip: string, prefix: number = DEFAULT_IPV6_PREFIX): string {
  checkNumber('prefix', prefix, { min: 1, max: 128, integer: true })
  return keyOfIp(ip, prefix)
}

/** As {@link ipKey}, of a prefix that was checked. */
export function keyOfIp(ip: string, prefix: number): string {
  if (!ip.includes(':')) return ip
  // Sockets that listen on all addresses write IPv4 addresses like this.
  if (ip.startsWith('::ffff:') && isIPv4(ip.slice(7))) return ip.slice(7)
  const groups = groupsOfIpv6(ip)
  if (groups === null) {
    const address = withoutPort(ip)
    return address === ip ? ip : keyOfIp(address, prefix)
  }
  const ipv4 = ipv4Of(groups)
  if (ipv4 !== null) return ipv4
  const network = groups.map((group, n) => {
    const bits = Math.min(Math.max(prefix - 16 * n, 0), 16)
    return group & (0xffff << (16 - bits)) & 0xffff
  })
  // `::` stands for the zeros at the end.
  const length = network.findLastIndex((group) => group !== 0) + 1
  const written = network
    .slice(0, length)
    .map((group) => group.toString(16))
    .join(':')
  return `${written}${length < 8 ? '::' : ''}/${prefix}`
}

/** The address that a proxy wrote, without its port: with it, each connection would be another client. Other text comes back as it is. */
function withoutPort(text: string): string {
  const [, inBrackets, plain] = /^(?:\[([^[\]]+)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? []
  const address = inBrackets ?? plain ?? ''
  return isIP(address) === 0 ? text : address
}

/** The eight groups of an IPv6 address; null when it is none. */
function groupsOfIpv6(ip: string): number[] | null {
  if (isIP(ip) !== 6) return null
  const [address = ''] = ip.split('%')
  const [head = '', tail] = address.split('::')
  const first = groupsIn(head)
  if (tail === undefined) return first
  const last = groupsIn(tail)
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

function groupsIn(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

/** The IPv4 address that `::ffff:0:0/96` holds. */
function ipv4Of(groups: readonly number[]): string | null {
  const [, , , , , marker, high = 0, low = 0] = groups
  if (marker !== 0xffff || groups.slice(0, 5).some((group) => group !== 0)) return null
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

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
