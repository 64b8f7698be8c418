// NestJS: the throttler guards of two servers count in one store. Methods of routes carry our policies below and above Nest's own
// decorators, and a guard still denies. npm install @nestjs/common @nestjs/core @nestjs/platform-express @nestjs/throttler reflect-metadata rxjs
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { withFallback, withRetry, withTimeout } from 'amorsize'
import { nestStorage } from 'amorsize/http'

const { common, core, throttler } = await loadNest()
const { Controller, ForbiddenException, Get, Module, UseGuards } = common

/** Does in plain JavaScript what `@A() @B() method() {}` does in TypeScript: the last decorator is applied first. */
function decorate(target, name, ...decorators) {
  const [owner, property, descriptor] =
    name === null ? [target] : [target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name)]
  const made = decorators.reduceRight(
    (current, decorator) => decorator(owner, property, current) ?? current,
    descriptor,
  )
  if (name !== null) Object.defineProperty(owner, property, made)
}

class DenyAll {
  canActivate() {
    throw new ForbiddenException('nobody comes in')
  }
}

let attempts = 0
class Stock {
  async price() {
    if (++attempts % 3 !== 0) throw new Error('the stock exchange does not answer')
    return 'the price is 7'
  }

  async slow() {
    await new Promise((resolve) => setTimeout(resolve, 10_000).unref())
  }

  async secret() {
    return 'let in'
  }
}
decorate(Stock, 'price', Get('price'), withRetry({ maxRetries: 2, initialDelayMs: 1 }))
decorate(Stock, 'slow', withFallback('the price of yesterday was 6'), withTimeout(100), Get('slow'))
decorate(Stock, 'secret', Get('secret'), withTimeout(1000), UseGuards(DenyAll))
decorate(Stock, null, Controller())

/** An application as each worker of a cluster makes it. */
async function start() {
  const Application = function () {}
  const storage = nestStorage({ name: `nest-example-${process.pid}`, scope: 'machine', capacity: 1000 })
  decorate(
    Application,
    null,
    Module({
      imports: [throttler.ThrottlerModule.forRoot({ throttlers: [{ ttl: 60_000, limit: 6 }], storage })],
      controllers: [Stock],
      providers: [{ provide: core.APP_GUARD, useClass: throttler.ThrottlerGuard }],
    }),
  )
  const app = await core.NestFactory.create(Application, { logger: false })
  await app.listen(0, '127.0.0.1')
  return { app, origin: await app.getUrl() }
}

const servers = [await start(), await start()]
for (const path of ['price', 'slow', 'secret']) {
  const response = await fetch(`${servers[0].origin}/${path}`)
  console.log(`GET /${path}: ${response.status}, ${(await response.text()).slice(0, 80)}`)
}
const statuses = []
for (let n = 0; n < 10; n++) {
  const response = await fetch(`${servers[n % 2].origin}/price`)
  await response.text()
  statuses.push(response.status)
}
console.log(`10 requests to two servers with one limit of 6 for each route: ${statuses.join(' ')}`)
for (const { app } of servers) await app.close()
removeName(`nest-example-${process.pid}`)

/** A name of the machine outlives its processes; this one is not needed any more. */
function removeName(name) {
  const manifest = createRequire(import.meta.url).resolve('amorsize/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  execFileSync(process.execPath, [join(dirname(manifest), bin.amorsize), 'shm', 'remove', name, '--force'])
}

/** Nest's packages, or a sentence that says what is missing. */
async function loadNest() {
  try {
    await import('reflect-metadata')
    const [common, core, throttler] = [
      await import('@nestjs/common'),
      await import('@nestjs/core'),
      await import('@nestjs/throttler'),
    ]
    await import('@nestjs/platform-express')
    return { common, core, throttler }
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.error(
      'This example needs NestJS: npm install @nestjs/common @nestjs/core @nestjs/platform-express @nestjs/throttler reflect-metadata rxjs',
    )
    process.exit(1)
  }
}
