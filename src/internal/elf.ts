import { builtins } from './builtins.js'

/** ELF's numbers of processors, by Node's names for them. */
const machines: Readonly<Record<string, number>> = {
  x64: 62,
  arm64: 183,
  ppc64: 21,
  s390x: 22,
  riscv64: 243,
  loong64: 258,
}

/**
 * Checks a file that Linux is to map as code. The system refuses most bad files, but it maps one that is cut off. Then a signal
 * kills the process when it reaches the missing part.
 *
 * @returns what is wrong with the file; null if nothing is, or if it cannot be read
 */
export function elfFault(path: string): string | null {
  if (process.platform !== 'linux') return null
  const { closeSync, fstatSync, openSync, readSync } = builtins.fs
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    // Loading it will say why.
    return null
  }
  try {
    const header = Buffer.alloc(64)
    const { size } = fstatSync(file)
    if (readSync(file, header) < header.length || header.readUInt32BE(0) !== 0x7f454c46) return `${path} is no ELF file`
    const isBig = header[5] === 2
    const word = (offset: number): number => (isBig ? header.readUInt16BE(offset) : header.readUInt16LE(offset))
    if (word(18) !== machines[process.arch]) return `${path} is for another processor than ${process.arch}`
    // The table of sections comes last in the file.
    const table = Number(isBig ? header.readBigUInt64BE(40) : header.readBigUInt64LE(40))
    const whole = table + word(58) * word(60)
    return size < whole ? `${path} is cut off: ${size} bytes of ${whole}` : null
  } finally {
    closeSync(file)
  }
}
