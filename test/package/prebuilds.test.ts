import { appendFile, cp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { faultsOf, glibcNeeded, prebuilds, recordName, sourcesHash } from '../../scripts/support/prebuilds.mjs'
import { describeWithAddon } from '../support/native.js'
import { removeFolder, temporaryFolder } from './project.js'

describeWithAddon('what stops a publication', () => {
  const platform = `${process.platform}-${process.arch}`
  const hash = sourcesHash()
  let base: string
  let addon: string

  beforeEach(async () => {
    base = await temporaryFolder()
    await cp(join(prebuilds, platform), join(base, platform), { recursive: true })
    addon = join(
      base,
      platform,
      readdirSync(join(base, platform)).find((name) => name.endsWith('.node'))!,
    )
  })
  afterEach(() => removeFolder(base))

  it('is nothing, as long as the prebuild is of the present sources', () => {
    expect(faultsOf(platform, hash, base)).toEqual([])
  })

  it('is a missing prebuild', async () => {
    await rm(addon)
    expect(faultsOf(platform, hash, base)).toEqual([expect.stringContaining('missing')])
    expect(faultsOf('linux-riscv64', hash, base)).toEqual([expect.stringContaining('missing')])
  })

  it('is a prebuild of other sources', () => {
    expect(faultsOf(platform, 'f'.repeat(64), base)).toEqual([expect.stringContaining('stale')])
  })

  it('is a file that was changed after it was built', async () => {
    await appendFile(addon, 'x')
    expect(faultsOf(platform, hash, base)).toEqual([expect.stringContaining('not the file')])
  })

  it('is a prebuild without the record of its sources', async () => {
    await rm(join(base, platform, recordName))
    expect(faultsOf(platform, hash, base)).toEqual([expect.stringContaining(recordName)])
  })

  it.runIf(process.platform === 'linux')('is an addon for another processor in the folder', async () => {
    const other = process.arch === 'x64' ? 'linux-arm64' : 'linux-x64'
    await rename(join(base, platform), join(base, other))
    expect(faultsOf(other, hash, base)).toEqual([expect.stringContaining('another processor')])
  })

  it.runIf(process.platform === 'linux')('is an addon that needs a newer C library than Node 20 does', async () => {
    const binary = await readFile(addon)
    expect(glibcNeeded(binary)).not.toBeNull()
    await writeFile(addon, Buffer.concat([binary, Buffer.from('GLIBC_2.34\0')]))
    expect(faultsOf(platform, hash, base)).toContainEqual(expect.stringContaining('needs glibc 2.34'))
  })
})
