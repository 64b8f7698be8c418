// Reads what a shared library asks for and offers: ELF (Linux), Mach-O (macOS) and PE (Windows), 64 bits, little-endian.

/**
 * @typedef {object} Binary
 * @property {'elf' | 'mach-o' | 'pe'} format
 * @property {'x64' | 'arm64' | null} arch
 * @property {string[]} needed - libraries that are loaded with it
 * @property {string[]} asked - names of functions and data that it takes from elsewhere
 * @property {string[]} offered - names that others may take from it
 * @property {string[]} versions - of the C library's symbols, such as GLIBC_2.17
 * @property {boolean} [staysLoaded] - of ELF: whether it is never unloaded
 * @property {number} [threadBytes] - of ELF: what each thread has of its own for it
 */

/** @param {Buffer} bytes @returns {Binary} @throws {Error} on anything else */
export function readBinary(bytes) {
  if (bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46) return readElf(bytes)
  if (bytes.length >= 32 && bytes.readUInt32LE(0) === 0xfeedfacf) return readMachO(bytes)
  if (bytes.length >= 64 && bytes.toString('latin1', 0, 2) === 'MZ') return readPe(bytes)
  throw new Error('neither ELF, Mach-O nor PE of 64 bits')
}

function textAt(bytes, offset) {
  return bytes.toString('utf8', offset, bytes.indexOf(0, offset))
}

const number64 = (bytes, offset) => Number(bytes.readBigUInt64LE(offset))

function readElf(bytes) {
  const sections = []
  const [first, size, count] = [number64(bytes, 40), bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  for (let at = first; at < first + size * count; at += size)
    sections.push({
      type: bytes.readUInt32LE(at + 4),
      from: number64(bytes, at + 24),
      bytes: number64(bytes, at + 32),
      strings: bytes.readUInt32LE(at + 40),
    })
  const entries = function* (type, entrySize) {
    for (const section of sections.filter((one) => one.type === type))
      for (let at = section.from; at < section.from + section.bytes; at += entrySize)
        yield { at, string: (offset) => textAt(bytes, sections[section.strings].from + offset) }
  }
  const [DYNAMIC, DYNSYM, NEEDED, FLAGS_1, NODELETE, TLS] = [6, 11, 1n, 0x6ffffffbn, 8n, 7]
  const needed = [...entries(DYNAMIC, 16)]
    .filter(({ at }) => bytes.readBigInt64LE(at) === NEEDED)
    .map(({ at, string }) => string(number64(bytes, at + 8)))
  const staysLoaded = [...entries(DYNAMIC, 16)].some(
    ({ at }) => bytes.readBigInt64LE(at) === FLAGS_1 && (bytes.readBigInt64LE(at + 8) & NODELETE) !== 0n,
  )
  const [programs, programSize, programCount] = [number64(bytes, 32), bytes.readUInt16LE(54), bytes.readUInt16LE(56)]
  let threadBytes = 0
  for (let at = programs; at < programs + programSize * programCount; at += programSize)
    if (bytes.readUInt32LE(at) === TLS) threadBytes += number64(bytes, at + 40)
  const asked = []
  const offered = []
  for (const { at, string } of entries(DYNSYM, 24)) {
    const name = string(bytes.readUInt32LE(at))
    if (name === '') continue
    const isLocal = bytes[at + 4] >> 4 === 0
    if (bytes.readUInt16LE(at + 6) === 0) asked.push(name)
    else if (!isLocal) offered.push(name)
  }
  const versions = [...new Set(bytes.toString('latin1').match(/GLIBC_\d[\d.]*/g) ?? [])]
  return {
    format: 'elf',
    arch: { 62: 'x64', 183: 'arm64' }[bytes.readUInt16LE(18)] ?? null,
    needed,
    asked,
    offered,
    versions,
    staysLoaded,
    threadBytes,
  }
}

function readMachO(bytes) {
  const needed = []
  const asked = []
  const offered = []
  let at = 32
  for (let i = bytes.readUInt32LE(16); i > 0; i--, at += bytes.readUInt32LE(at + 4)) {
    const command = bytes.readUInt32LE(at)
    if (command === 0x0c || command === 0x80000018) needed.push(textAt(bytes, at + bytes.readUInt32LE(at + 8)))
    if (command === 0x80000022) {
      const [from, size] = [40, 44].map((offset) => bytes.readUInt32LE(at + offset))
      for (const { name } of exportsIn(bytes.subarray(from, from + size))) offered.push(name.replace(/^_/, ''))
    }
    if (command !== 0x02) continue
    const [symbols, count, strings] = [8, 12, 16].map((offset) => bytes.readUInt32LE(at + offset))
    for (let symbol = symbols; symbol < symbols + 16 * count; symbol += 16) {
      const type = bytes[symbol + 4]
      const isDebugging = (type & 0xe0) !== 0
      const isAsked = (type & 0x0f) === 0x01
      // Each name of C begins with an underscore there.
      if (!isDebugging && isAsked) asked.push(textAt(bytes, strings + bytes.readUInt32LE(symbol)).replace(/^_/, ''))
    }
  }
  return {
    format: 'mach-o',
    arch: { 0x01000007: 'x64', 0x0100000c: 'arm64' }[bytes.readUInt32LE(4)] ?? null,
    needed,
    asked,
    offered,
    versions: [],
  }
}

/** The exports of a library for macOS: a tree by the beginnings of their names. */
export function* exportsIn(trie, at = 0, begin = '') {
  const [bytes, from] = readNumber(trie, at)
  if (bytes > 0) yield { name: begin, what: trie.subarray(from, from + bytes) }
  let next = from + bytes + 1
  for (let left = trie[next - 1]; left > 0; left--) {
    const end = trie.indexOf(0, next)
    const [child, after] = readNumber(trie, end + 1)
    yield* exportsIn(trie, child, begin + trie.toString('latin1', next, end))
    next = after
  }
}

/** A number in bytes of seven bits, the least first; and where it ends. */
function readNumber(bytes, at) {
  let number = 0
  for (let shift = 1; ; shift *= 128, at++) {
    number += (bytes[at] & 127) * shift
    if (bytes[at] < 128) return [number, at + 1]
  }
}

function readPe(bytes) {
  const header = bytes.readUInt32LE(0x3c)
  const optional = header + 24
  const firstSection = optional + bytes.readUInt16LE(header + 20)
  const offsetOf = (address) => {
    for (let i = 0; i < bytes.readUInt16LE(header + 6); i++) {
      const section = firstSection + 40 * i
      const [size, start, , from] = [8, 12, 16, 20].map((offset) => bytes.readUInt32LE(section + offset))
      if (address >= start && address < start + size) return address - start + from
    }
    throw new Error(`address ${address} lies in no section`)
  }
  const [exports_, imports] = [112, 120].map((offset) => bytes.readUInt32LE(optional + offset))
  const offered = []
  if (exports_ !== 0) {
    const table = offsetOf(exports_)
    const names = offsetOf(bytes.readUInt32LE(table + 32))
    for (let i = 0; i < bytes.readUInt32LE(table + 24); i++)
      offered.push(textAt(bytes, offsetOf(bytes.readUInt32LE(names + 4 * i))))
  }
  const needed = []
  const asked = []
  for (let at = imports === 0 ? -1 : offsetOf(imports); at >= 0 && bytes.readUInt32LE(at + 12) !== 0; at += 20) {
    needed.push(textAt(bytes, offsetOf(bytes.readUInt32LE(at + 12))))
    for (let entry = offsetOf(bytes.readUInt32LE(at)); bytes.readBigUInt64LE(entry) !== 0n; entry += 8)
      asked.push(textAt(bytes, offsetOf(bytes.readUInt32LE(entry)) + 2))
  }
  return {
    format: 'pe',
    arch: { 0x8664: 'x64', 0xaa64: 'arm64' }[bytes.readUInt16LE(header + 4)] ?? null,
    needed,
    asked,
    offered,
    versions: [],
  }
}
