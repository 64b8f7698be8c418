/** CRC-16/XMODEM. */
const POLYNOMIAL = 0x1021

/** The cluster slot of a key: a digest of the text between its first braces, or of the whole key. Source: Redis cluster specification. */
export function slotOf(key: string): number {
  const begin = key.indexOf('{') + 1
  const end = key.indexOf('}', begin)
  let crc = 0
  for (const byte of Buffer.from(begin > 0 && end > begin ? key.slice(begin, end) : key)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)) & 0xffff
  }
  return crc % 16_384
}

/** The owner of a slot as the client knows it: for ioredis addresses, the master's first; for node-redis a shard. */
type Shard = readonly string[] | { readonly master: { readonly address: string } }

/** The address of the server that has a key; undefined if the client is not a cluster or does not know yet. */
export function serverOf(client: object, key: string): string | undefined {
  const { slots } = client as { readonly slots?: readonly (Shard | undefined)[] }
  const shard = slots?.[slotOf(key)]
  return shard === undefined || 'master' in shard ? shard?.master.address : shard[0]
}
