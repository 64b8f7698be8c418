// Takes the names out of a library for macOS that nobody looks for: Zig's linker leaves thousands there, a quarter of the file, and offers
// those too that are hidden. Both processors are little-endian. Source: Apple's mach-o/loader.h and, for the signature,
// osfmk/kern/cs_blobs.h of XNU.
import { createHash } from 'node:crypto'
import { exportsIn } from './binary.mjs'

const LC = {
  SYMTAB: 0x02,
  DYSYMTAB: 0x0b,
  SEGMENT_64: 0x19,
  CODE_SIGNATURE: 0x1d,
  FUNCTION_STARTS: 0x26,
  DATA_IN_CODE: 0x29,
  DYLD_INFO: 0x80000022,
}
/** The first of the two numbers, within the command, that say where the exports are. */
const EXPORTS = 8
const SYMBOL_BYTES = 16
/** In the table of indirect symbols: one that has no name. */
const NO_NAME = 0x80000000

/**
 * @param {Buffer} library
 * @param {readonly string[]} kept - names that it offers
 * @returns {Buffer} the same with the names it asks for, those kept and no others; signed anew where it was signed
 * @throws {Error} where the tables do not lie as Zig's linker lays them
 */
export function stripMachO(library, kept) {
  const bytes = exportOnly(library, kept)
  const at = findCommands(bytes)
  const field = (command, index) => bytes.readUInt32LE(at[command] + 8 + 4 * index)
  const [symbols, count, strings] = [0, 1, 2].map((index) => field('SYMTAB', index))
  const [indirect, indirectCount] = [12, 13].map((index) => field('DYSYMTAB', index))
  const signature =
    at.CODE_SIGNATURE === undefined ? null : { from: field('CODE_SIGNATURE', 0), bytes: field('CODE_SIGNATURE', 1) }
  if (!(symbols < indirect && indirect < strings && (signature === null || strings < signature.from)))
    throw new Error('symbols, indirect symbols, strings and signature do not follow each other')

  const names = ['']
  let nameBytes = 1
  const table = []
  const indexes = new Map()
  const groups = [[], []]
  for (let i = 0; i < count; i++) {
    const from = symbols + SYMBOL_BYTES * i
    const nameAt = strings + bytes.readUInt32LE(from)
    const name = bytes.toString('latin1', nameAt, bytes.indexOf(0, nameAt))
    const isAsked = (bytes[from + 4] & 0x0e) === 0
    if (isAsked || kept.includes(name.slice(1))) groups[isAsked ? 1 : 0].push({ i, from, name })
  }
  for (const { i, from, name } of groups.flat()) {
    indexes.set(i, table.length)
    const entry = Buffer.from(bytes.subarray(from, from + SYMBOL_BYTES))
    entry.writeUInt32LE(nameBytes)
    table.push(entry)
    names.push(name)
    nameBytes += name.length + 1
  }

  const head = Buffer.from(bytes.subarray(0, symbols))
  const pointers = Buffer.alloc(4 * indirectCount)
  for (let i = 0; i < indirectCount; i++) {
    const index = bytes.readUInt32LE(indirect + 4 * i)
    pointers.writeUInt32LE(index >= NO_NAME ? index : (indexes.get(index) ?? NO_NAME), 4 * i)
  }
  const text = Buffer.from(`${names.join('\0')}\0`, 'latin1')
  const stringsAt = symbols + SYMBOL_BYTES * table.length + pointers.length
  const parts = [head, ...table, pointers, text]
  const set = (command, index, value) => head.writeUInt32LE(value, at[command] + 8 + 4 * index)
  const put = (command, values) => values.forEach((value, index) => set(command, index, value))
  put('SYMTAB', [symbols, table.length, stringsAt, text.length])
  put('DYSYMTAB', [0, 0, 0, groups[0].length, groups[0].length, groups[1].length])
  set('DYSYMTAB', 12, symbols + SYMBOL_BYTES * table.length)

  let end = stringsAt + text.length
  if (signature !== null) {
    const from = Math.ceil(end / 16) * 16
    parts.push(Buffer.alloc(from - end), bytes.subarray(signature.from, signature.from + signature.bytes))
    set('CODE_SIGNATURE', 0, from)
    end = from + signature.bytes
  }
  const segment = at.LINKEDIT
  const linkedit = end - Number(head.readBigUInt64LE(segment + 40))
  head.writeBigUInt64LE(BigInt(linkedit), segment + 48)
  head.writeBigUInt64LE(BigInt(Math.ceil(linkedit / 0x4000) * 0x4000), segment + 32)
  return signAnew(Buffer.concat(parts))
}

/** The same library with fewer exports; what lies behind them moves up. */
function exportOnly(library, kept) {
  const at = findCommands(library)
  const field = (command, index) => at[command] + 8 + 4 * index
  const [from, size] = [EXPORTS, EXPORTS + 1].map((index) => library.readUInt32LE(field('DYLD_INFO', index)))
  const offered = [...exportsIn(library.subarray(from, from + size))].filter(({ name }) => kept.includes(name.slice(1)))
  if (offered.length !== kept.length) throw new Error(`of ${kept.join(', ')} only ${offered.length} are exported`)
  const few = trieOf(offered)
  // What follows stays aligned.
  const less = Math.floor((size - few.length) / 16) * 16
  const shorter = Buffer.concat([
    library.subarray(0, from),
    few,
    Buffer.alloc(size - less - few.length),
    library.subarray(from + size),
  ])
  shorter.writeUInt32LE(size - less, field('DYLD_INFO', EXPORTS + 1))
  const behind = { FUNCTION_STARTS: [0], DATA_IN_CODE: [0], SYMTAB: [0, 2], DYSYMTAB: [12], CODE_SIGNATURE: [0] }
  for (const [command, indexes] of Object.entries(behind)) {
    if (at[command] === undefined) continue
    for (const index of indexes) {
      const place = library.readUInt32LE(field(command, index))
      if (place < from + size) throw new Error(`${command} does not lie behind the exports`)
      shorter.writeUInt32LE(place - less, field(command, index))
    }
  }
  return shorter
}

/** A tree of a few exports, none of whose names begins with another: each is a branch of the root. */
function trieOf(offered) {
  const leaves = offered.map(({ what }) => Buffer.from([...numberBytes(what.length), ...what, 0]))
  const rootWith = (rootBytes) => {
    let place = rootBytes
    const branches = offered.flatMap(({ name }, i) => {
      const branch = [...Buffer.from(`${name}\0`, 'latin1'), ...numberBytes(place)]
      place += leaves[i].length
      return branch
    })
    return Buffer.from([0, offered.length, ...branches])
  }
  let root = rootWith(0)
  while (rootWith(root.length).length !== root.length) root = rootWith(root.length)
  return Buffer.concat([rootWith(root.length), ...leaves])
}

/** A number in bytes of seven bits, the least first. */
function numberBytes(number) {
  return number < 128 ? [number] : [(number % 128) + 128, ...numberBytes(Math.floor(number / 128))]
}

/** Where each load command begins, by its name. */
function findCommands(bytes) {
  const at = {}
  for (let left = bytes.readUInt32LE(16), from = 32; left > 0; left--, from += bytes.readUInt32LE(from + 4)) {
    const command = bytes.readUInt32LE(from)
    for (const [name, value] of Object.entries(LC)) if (value === command && command !== LC.SEGMENT_64) at[name] = from
    if (command === LC.SEGMENT_64 && bytes.toString('latin1', from + 8, from + 18) === '__LINKEDIT') at.LINKEDIT = from
  }
  return at
}

/** Computes the hash of each page again, where the library carries any. */
export function signAnew(library) {
  const command = findCommands(library).CODE_SIGNATURE
  if (command === undefined) return library
  const signed = Buffer.from(library)
  const from = signed.readUInt32LE(command + 8)
  // Of all that is in the signature, the directory of code alone depends on the file. Numbers are big-endian here.
  const directory = directoryIn(signed, from)
  const [HASHES, PAGES, LIMIT, HASH_BYTES, PAGE_BITS] = [16, 28, 32, 36, 39]
  const pageBytes = 2 ** signed[directory + PAGE_BITS]
  const pages = Math.ceil(from / pageBytes)
  if (pages > signed.readUInt32BE(directory + PAGES)) throw new Error('the library has grown')
  signed.writeUInt32BE(pages, directory + PAGES)
  signed.writeUInt32BE(from, directory + LIMIT)
  const hashes = directory + signed.readUInt32BE(directory + HASHES)
  for (let page = 0; page < pages; page++) {
    const code = signed.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, from))
    createHash('sha256')
      .update(code)
      .digest()
      .copy(signed, hashes + page * signed[directory + HASH_BYTES])
  }
  return signed
}

function directoryIn(bytes, signature) {
  const CODE_DIRECTORY = 0
  for (let i = 0; i < bytes.readUInt32BE(signature + 8); i++)
    if (bytes.readUInt32BE(signature + 12 + 8 * i) === CODE_DIRECTORY)
      return signature + bytes.readUInt32BE(signature + 16 + 8 * i)
  throw new Error('the signature has no directory of code')
}
