// Runs the test suite of another limiter with its own store replaced by ours, and nothing else:
//   node scripts/peer-suites.mjs express-rate-limit|fastify|hono|nest FOLDER
// FOLDER is a checkout of express-rate-limit 8, @fastify/rate-limit 11, hono-rate-limiter 0.5 or @nestjs/throttler 6, with its packages
// installed. The file of its store is put back at the end. Fake timers of those suites move Date.now, so that is the clock here.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support/project.mjs'
import { run } from './support/run.mjs'

const http = JSON.stringify(join(root, 'dist', 'bundle', 'http.cjs'))
const clock = `const clock = { now: () => Date.now(), setTimeout: (fn, ms) => setTimeout(fn, ms), clearTimeout: (timer) => clearTimeout(timer) }`
const forwarded = (methods) =>
  methods.map((name) => `${name}(...args) { return this.store.${name}(...args) }`).join('\n  ')
const [name, folder = ''] = process.argv.slice(2)
const testsWithoutRedis = (where) =>
  readdirSync(join(where, 'test'), { recursive: true })
    .filter((file) => file.endsWith('.test.js') && !file.startsWith('redis'))
    .map((file) => join('test', file))
const jest = ['node_modules/jest/bin/jest.js', '--coverage=false', '--forceExit']

/** By name: the file of the store, what takes its place, and how the suite is run. */
const peers = {
  'express-rate-limit': {
    file: 'source/memory-store.ts',
    store: `// @ts-nocheck
import { expressStore } from ${http}
${clock}
export class MemoryStore {
  localKeys = true
  store = expressStore({ clock })
  declare interval: any
  declare current: any
  declare previous: any
  constructor(private validations?) {}
  shutdown() {}
  init(options) {
    this.validations?.windowMs(options.windowMs)
    this.store.init(options)
  }
  ${forwarded(['get', 'increment', 'decrement', 'resetKey', 'resetAll'])}
}
`,
    commands: () => [jest],
  },
  fastify: {
    file: 'store/LocalStore.js',
    store: `'use strict'
const { fastifyStore } = require(${http})
${clock}
module.exports = function LocalStore(continueExceeding, exponentialBackoff, capacity = 5000) {
  const Store = fastifyStore({ clock, capacity })
  return new Store({ continueExceeding, exponentialBackoff })
}
`,
    commands: (where) => [['--test', ...testsWithoutRedis(where)]],
  },
  hono: {
    file: 'src/stores/memory.ts',
    store: `import { createRequire } from 'node:module'
const { expressStore } = createRequire(import.meta.url)(${http})
${clock}
export class MemoryStore {
  store = expressStore({ clock })
  ${forwarded(['init', 'get', 'increment', 'decrement', 'resetKey', 'resetAll'])}
  shutdown() {}
}
`,
    commands: () => [['node_modules/vitest/vitest.mjs', 'run', 'src/__tests__']],
  },
  nest: {
    file: 'src/throttler.service.ts',
    store: `// @ts-nocheck
import { Injectable } from '@nestjs/common'
import { nestStorage } from ${http}
${clock}
@Injectable()
export class ThrottlerStorageService {
  store = nestStorage({ clock })
  ${forwarded(['increment'])}
}
`,
    commands: () => [jest, [...jest, '--config', 'test/jest-e2e.json']],
  },
}

const peer = peers[name]
if (peer === undefined || folder === '') {
  console.error(`usage: node scripts/peer-suites.mjs ${Object.keys(peers).join('|')} FOLDER`)
  process.exit(2)
}
const file = join(folder, peer.file)
const own = readFileSync(file)
let failed = 0
try {
  writeFileSync(file, peer.store)
  for (const command of peer.commands(folder))
    failed += (await run(process.execPath, command, { cwd: folder })).code === 0 ? 0 : 1
} finally {
  writeFileSync(file, own)
}
process.exitCode = failed === 0 ? 0 : 1
