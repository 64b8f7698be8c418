// Prometheus watches four processes of a cluster under limits, breakers and bulkheads. Each worker reports its own objects, and
// `amorsize metrics` beside them reports what they share. Then each query of the dashboard runs. Needs Debian's package prometheus.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { bulkhead, circuitBreaker, execute, hedge, RateLimiter, retry, RetryBudget, timeout } from 'amorsize'
import { METRICS_CONTENT_TYPE, metricsText, RunMetrics } from 'amorsize/metrics'

const PROCESSES = 4
const WATCHED_MS = 12_000
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

if (cluster.isPrimary) await watch()
else await work()

/** The objects of a program, and the one line that reports them: `metricsText`. */
async function work() {
  const shared = { scope: 'machine' }
  const api = new RateLimiter({ ...shared, name: 'monitoring-api', requestsPerSecond: 200, burstSize: 20 })
  const breaker = circuitBreaker({ ...shared, name: 'monitoring-orders', failureThreshold: 5, resetTimeoutMs: 500 })
  const slots = bulkhead({ ...shared, name: 'monitoring-database', maxConcurrent: 8, maxQueue: 100 })
  const budget = new RetryBudget({ ratio: 0.2 })
  const again = retry({ maxRetries: 2, initialDelayMs: 5, budget })
  const twice = hedge({ afterMs: 10 })
  const inTime = timeout(200)
  const runs = new RunMetrics()
  const objects = { api, breaker, slots, again, budget, twice, inTime, runs }
  const server = createServer((_, response) => {
    response.setHeader('content-type', METRICS_CONTENT_TYPE)
    // The exporter reports what the machine shares.
    response.end(metricsText({ objects, machine: false }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  process.send(server.address().port)
  process.on('disconnect', () => process.exit())

  const call = async () => {
    await sleep(Math.random() < 0.1 ? 40 : 4)
    if (Math.random() < 0.2) throw new Error('the service fails now and then')
  }
  void (async () => {
    const wait = (ms) => sleep(ms)
    for (;;)
      await execute(
        wait,
        Array.from({ length: 200 }, () => 20),
        { workers: 4, mode: 'async', hooks: runs.hooks() },
      )
  })()
  for (;;) {
    api.tryAcquire(3)
    await Promise.allSettled([
      api.acquire(),
      again.execute(() => breaker.execute(call)),
      slots.execute(() => twice.execute(() => inTime.execute(call))),
      slots.execute(() => sleep(10)),
    ])
  }
}

async function watch() {
  if (spawnSync('prometheus', ['--version']).error !== undefined) {
    console.log('This needs Prometheus: apt-get install prometheus promtool, or https://prometheus.io/download')
    process.exitCode = 1
    return
  }
  const folder = mkdtempSync(join(tmpdir(), 'amorsize-monitoring-'))
  const children = []
  try {
    const workers = Array.from({ length: PROCESSES }, () => cluster.fork())
    const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
    const exporter = spawn(process.execPath, [amorsize(), 'metrics', '--port', '0'])
    children.push(exporter)
    const exporterPort = await portIn(exporter.stdout)
    const prometheus = await startPrometheus(folder, [exporterPort, ...ports])
    children.push(prometheus.child)
    console.log(`${PROCESSES} processes and amorsize metrics, scraped twice a second for ${WATCHED_MS / 1000} s`)
    await sleep(WATCHED_MS)

    const text = await (await fetch(`http://127.0.0.1:${exporterPort}/metrics`)).text()
    check('promtool check metrics', ['check', 'metrics'], text)
    check('promtool check rules', ['check', 'rules', here('../docs/monitoring/alerts.yml')])
    check('promtool test rules', ['test', 'rules', here('../docs/monitoring/alerts.test.yml')])
    await askPanels(prometheus.url)
    await countOnce(prometheus.url)
    if (process.env.EXAMPLE_SERIES !== undefined)
      writeFileSync(process.env.EXAMPLE_SERIES, JSON.stringify(await seriesOfPanels(prometheus.url)))
  } finally {
    for (const worker of Object.values(cluster.workers)) worker.kill()
    while (Object.keys(cluster.workers).length > 0) await sleep(10)
    for (const child of children) {
      child.kill()
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true })
    // A name of the machine outlives its processes; these are not needed any more.
    for (const name of ['api', 'orders', 'database'])
      spawnSync(process.execPath, [amorsize(), 'shm', 'remove', `monitoring-${name}`], { stdio: 'inherit' })
  }
}

/** The command line, as `npx amorsize` finds it. */
function amorsize() {
  const { bin } = JSON.parse(readFileSync(here('../package.json'), 'utf8'))
  return here(`../${bin.amorsize}`)
}

async function portIn(stream) {
  const [text] = await once(stream, 'data')
  return Number(/127\.0\.0\.1:(\d+)/.exec(String(text))[1])
}

async function startPrometheus(folder, ports) {
  const [exporterPort, ...workerPorts] = ports.map((port) => `127.0.0.1:${port}`)
  const jobs = { machine: [exporterPort], app: workerPorts }
  const config = [
    'global: { scrape_interval: 500ms, evaluation_interval: 1s }',
    `rule_files: [${JSON.stringify(here('../docs/monitoring/alerts.yml'))}]`,
    'scrape_configs:',
    ...Object.entries(jobs).map(
      ([job, targets]) => `- ${JSON.stringify({ job_name: job, static_configs: [{ targets }] })}`,
    ),
  ]
  writeFileSync(join(folder, 'prometheus.yml'), config.join('\n'))
  const port = await freePort()
  const child = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=error',
  ])
  child.stderr.pipe(process.stderr)
  const url = `http://127.0.0.1:${port}`
  for (let i = 0; i < 100; i++) {
    await sleep(100)
    if (
      await fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return { child, url }
  }
  throw new Error('Prometheus has not become ready')
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function check(title, args, input) {
  const output = execFileSync('promtool', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'] })
  console.log(`${title}: passed${/\d+ rules found/.exec(output)?.[0].replace(/^/, ', ') ?? ''}`)
}

/** Runs the queries of each panel of the dashboard, for all names. */
async function askPanels(url) {
  const { panels } = JSON.parse(readFileSync(here('../docs/monitoring/dashboard.json'), 'utf8'))
  for (const { title, targets = [] } of panels) {
    const counts = []
    for (const { expr } of targets) counts.push((await query(url, filled(expr))).length)
    if (targets.length === 0) console.log(`\n${title}`)
    else if (counts.every((count) => count > 0)) console.log(`  ${title}: ${counts.join(' + ')} series`)
    else if (whyEmpty(targets) !== undefined)
      console.log(`  ${title}: ${counts.join(' + ')} series (${whyEmpty(targets)})`)
    else {
      console.log(`  ${title}: NO ANSWER`)
      process.exitCode = 1
    }
  }
}

/** What each panel shows of the last seconds, by its title: for a picture. */
async function seriesOfPanels(url) {
  const { panels } = JSON.parse(readFileSync(here('../docs/monitoring/dashboard.json'), 'utf8'))
  const end = Date.now() / 1000
  const range = { start: end - WATCHED_MS / 1000 + 4, end, step: 0.5 }
  const shown = {}
  for (const { title, targets = [] } of panels) {
    shown[title] = []
    for (const { expr, legendFormat } of targets)
      for (const { metric, values } of await query(url, filled(expr, ownNames(expr)), range))
        shown[title].push({ name: legendFormat.replace(/{{(\w+)}}/g, (_, label) => metric[label]), values })
  }
  return shown
}

/** Why a panel may be empty here; undefined if it must not be. */
function whyEmpty(targets) {
  if (targets.every(({ expr }) => expr.includes('_container_'))) return 'this container has no such limit'
  if (targets.every(({ expr }) => /_round_trips_|_fallbacks_/.test(expr))) return 'no limiter here is over Redis'
  return undefined
}

/** Other programs of this user may have names of the machine, too. */
function ownNames(expr) {
  return expr.includes('amorsize_machine_') ? 'monitoring-.*' : '.*'
}

function filled(expr, names = '.*') {
  return expr
    .replaceAll('$__rate_interval', '5s')
    .replaceAll('$name', names)
    .replaceAll(/\$(job|instance)/g, '.*')
}

/** @param range - start, end and step in seconds; by default only what there is now */
async function query(url, expr, range) {
  const path = range === undefined ? 'query' : 'query_range'
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams({ query: expr, ...range })}`)
  const { status, data, error } = await response.json()
  if (status !== 'success') throw new Error(`${expr}: ${error}`)
  return data.result
}

/** The limit of 200 per second holds for all processes, and is reported once. */
async function countOnce(url) {
  const expr = 'rate(amorsize_machine_limiter_decisions_total{name="monitoring-api",outcome="acquired"}[8s])'
  const [{ value, metric }, ...others] = await query(url, `max by (name) (${expr})`)
  console.log(
    `\n${metric.name}: ${Number(value[1]).toFixed(0)} admitted per second over ${PROCESSES} processes, told ${others.length + 1} time`,
  )
}
