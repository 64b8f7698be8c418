// Which addresses `allow` lets through, and the rarer ways to write an address.
import { connectLimit, ipKey } from 'amorsize/http'
import { describe, expect, it } from 'vitest'

const limits = { a: { max: 1, windowMs: 60_000 } }

/** Whether a request from an address is counted. */
function isCounted(allow: readonly string[], ip: string): boolean {
  const limit = connectLimit({ limits, allow })
  limit(
    { headers: {}, ip },
    { setHeader: () => undefined, getHeader: () => undefined, on: () => undefined } as never,
    () => undefined,
  )
  return limit.stats().allowed === 1
}

describe('allow', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1', '11.0.0.1'],
    ['10.0.0.1', '10.0.0.1', '10.0.0.2'],
    ['10.0.0.1/32', '10.0.0.1', '10.0.0.2'],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '::ffff:11.1.2.3'],
    ['2001:db8::/32', '2001:db8:5::1', '2001:db9::1'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::2'],
    ['2001:db8::1/128', '2001:db8::1', '2001:db8::2'],
    ['fe80::/10', 'fe80::1%eth0', '2001:db8::1%eth0'],
    ['10.0.0.0/8', '10.0.0.1:80', '11.0.0.1:80'],
    ['10.0.0.0/8', '10.0.0.1', '2001:db8::1'],
    ['10.0.0.0/8', '10.0.0.1', 'unknown'],
  ])('%s: %s passes, and %s is counted', (entry, passes, counted) => {
    expect([isCounted([entry], passes), isCounted([entry], counted)]).toEqual([false, true])
    expect(isCounted(['192.0.2.1', entry], passes)).toBe(false)
  })

  it('lets everybody through by networks of no bits, each of its own kind', () => {
    expect([isCounted(['0.0.0.0/0'], '8.8.8.8'), isCounted(['::/0'], '2001:db8::1')]).toEqual([false, false])
    expect(isCounted(['0.0.0.0/0'], '2001:db8::1')).toBe(true)
  })

  it.each([
    'localhost',
    '',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/x8',
    '10.0.0.0/8x',
    '10.0.0.0/-1',
    '::/129',
    '10.0.0/8',
    7,
  ])('refuses %j', (entry) => {
    expect(() => connectLimit({ limits, allow: ['10.0.0.1', entry as string] })).toThrow(
      "allow must hold addresses and networks such as '10.0.0.0/8'; received",
    )
  })
})

describe('ipKey', () => {
  it.each([
    ['64:ff9b::192.0.2.33', 128, '64:ff9b:0:0:0:0:c000:221/128'],
    ['1:2:3:4:5:6:1.2.3.4', 128, '1:2:3:4:5:6:102:304/128'],
    ['1::ffff:1.2.3.4', 128, '1:0:0:0:0:ffff:102:304/128'],
    ['::ffff:1.2.3.4', 128, '1.2.3.4'],
    ['0:0:0:0:0:ffff:1.2.3.4', 128, '1.2.3.4'],
    ['::fffe:102:304', 128, '0:0:0:0:0:fffe:102:304/128'],
    ['1:2:3:4:5:6:7:8', 128, '1:2:3:4:5:6:7:8/128'],
    ['1:2:3:4:5:6:7:8', 112, '1:2:3:4:5:6:7::/112'],
    ['[2001:db8::1]:443', 64, '2001:db8::/64'],
    ['[2001:db8::1]', 64, '2001:db8::/64'],
    ['1.2.3.4:5678', 64, '1.2.3.4'],
    ['x1.2.3.4:5678', 64, 'x1.2.3.4:5678'],
    ['1.2.3.4:5678x', 64, '1.2.3.4:5678x'],
  ])('of %s with %i bits is %s', (ip, prefix, key) => {
    expect(ipKey(ip, prefix)).toBe(key)
  })
})
