import { appendFile, copyFile, cp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { faultsOf, hostTarget, isStandIn, pathOf, prebuilds, sourcesHash } from '../../scripts/support/prebuilds.mjs'
import { folderOf } from '../../scripts/support/targets.mjs'
import { describeWithAddon } from '../support/native.js'
import { removeFolder, temporaryFolder } from './project.js'

describeWithAddon('what stops a publication', () => {
  const hash = sourcesHash()
  let base: string
  let addon: string

  beforeEach(async () => {
    base = await temporaryFolder()
    const folder = folderOf(hostTarget)
    await cp(join(prebuilds, folder), join(base, folder), { recursive: true })
    addon = pathOf(hostTarget, base)
  })
  afterEach(() => removeFolder(base))

  const faults = (name = hostTarget, sources = hash): string[] => faultsOf(name, sources, base)

  it.skipIf(isStandIn(hostTarget))(
    'is nothing, as long as the prebuild is of the present sources (needs "npm run prebuild")',
    () => {
      expect(faults()).toEqual([])
    },
  )

  it('is the addon of build/, which only stands in for tests', async () => {
    const record = JSON.parse(await readFile(`${addon}.json`, 'utf8')) as object
    await writeFile(`${addon}.json`, JSON.stringify({ ...record, isStandIn: true }))
    expect(faults()).toContainEqual(expect.stringContaining('only stands in for tests'))
  })

  it('is a missing prebuild', async () => {
    await rm(addon)
    expect(faults()).toEqual([expect.stringContaining('missing')])
  })

  it('is a prebuild of other sources', () => {
    expect(faults(hostTarget, 'f'.repeat(64))).toContainEqual(expect.stringContaining('stale'))
  })

  it('is a file that was changed after it was built', async () => {
    await appendFile(addon, 'x')
    expect(faults()).toContainEqual(expect.stringContaining('not the file'))
  })

  it('is a prebuild without the record of its sources', async () => {
    await rm(`${addon}.json`)
    expect(faults()).toEqual([expect.stringContaining('nothing beside it says')])
  })

  it('is what is no addon at all', async () => {
    await writeFile(addon, 'a'.repeat(100))
    expect(faults()).toContainEqual(expect.stringContaining('not readable: neither ELF, Mach-O nor PE'))
  })

  it('is an addon for another processor', async () => {
    const other = hostTarget.includes('x64') ? hostTarget.replace('x64', 'arm64') : hostTarget.replace('arm64', 'x64')
    await cp(join(base, folderOf(hostTarget)), join(base, folderOf(other)), { recursive: true })
    expect(faults(other)).toContainEqual(expect.stringContaining('another processor'))
  })

  it.runIf(hostTarget.startsWith('linux') && !hostTarget.endsWith('musl'))(
    'is an addon that needs a newer C library than Node 20 does',
    async () => {
      const binary = await readFile(addon)
      await writeFile(addon, Buffer.concat([binary, Buffer.from('\0GLIBC_2.34\0')]))
      expect(faults()).toContainEqual(expect.stringContaining('needs GLIBC_2.34'))
    },
  )

  it.runIf(hostTarget === 'linux-x64')(
    'is one that asks for a library or a function that other systems may lack',
    async () => {
      // Node itself: an ELF file that needs the library of C++ and much else.
      await copyFile(process.execPath, addon)
      expect(faults()).toContainEqual(expect.stringContaining('needs the library libstdc++.so.6'))
      expect(faults()).toContainEqual(expect.stringContaining('asks for what is not listed in symbols.json'))
      expect(faults()).toContainEqual(expect.stringContaining('offers names to others'))
      expect(faults()).toContainEqual(expect.stringMatching(/\d+ bytes, more than/))
    },
  )
})
