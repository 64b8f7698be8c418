// Next.js: a standalone server, started outside of its project.
import { spawn } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bin, mustRun, pack, project } from './support/project.mjs'

let folder
let server

beforeAll(async () => {
  await pack()
  folder = await project({ name: 'next', packages: { next: '16.4.6', react: '19.3.1', 'react-dom': '19.3.1' } })
})
afterAll(() => server?.kill())

it('serves from a standalone build: one limit for three threads, and execute in workers', async () => {
  rmSync(join(folder, '.next'), { recursive: true, force: true })
  await mustRun(bin(folder, 'next'), ['build'], { cwd: folder, env: { NEXT_TELEMETRY_DISABLED: '1' } })
  const standalone = join(folder, '..', 'next-standalone')
  rmSync(standalone, { recursive: true, force: true })
  cpSync(join(folder, '.next', 'standalone'), standalone, { recursive: true })
  const port = await freePort()
  const env = { ...process.env, NODE_OPTIONS: '' }
  server = spawn(process.execPath, ['server.js'], {
    cwd: standalone,
    env: { ...env, PORT: String(port), HOSTNAME: '127.0.0.1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise((resolve, reject) => {
    server.on('exit', (code) => reject(new Error(`the server ended with exit code ${code}`)))
    server.stdout.on('data', (text) => String(text).includes('Ready') && resolve())
  })
  const response = await fetch(`http://127.0.0.1:${port}/api/five`)
  expect(await response.json()).toEqual({ taken: [3, 2, 0], doubled: [2, 4, 6] })
})

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
