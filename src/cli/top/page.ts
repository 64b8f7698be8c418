/** The page of `amorsize top --web`. It makes requests only to this server, and shows names as text, never as markup. */

export const PAGE_HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>amorsize top</title>
<link rel="stylesheet" href="/uplot.css">
<link rel="stylesheet" href="/page.css">
</head>
<body>
<header><h1>amorsize top</h1><input id="filter" type="search" placeholder="filter" aria-label="filter names"><output id="status">connecting</output></header>
<table id="names"><thead><tr><th>name</th><th class="kind">kind</th><th>state</th><th>last 60 s</th></tr></thead></table>
<p id="none" hidden>No name of this user is shared on this machine, or none holds the filter.</p>
<script src="/uplot.js"></script>
<script src="/page.js"></script>
</body>
</html>
`

export const PAGE_CSS = `:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a3f4b); --quiet: light-dark(#5b6472, #9aa3b2) }
body { font: 13px/17px system-ui, sans-serif; margin: 0 auto; max-width: 1180px; padding: 0 20px 20px; background: light-dark(#fff, #16181d); color: light-dark(#1c2026, #e4e7ec) }
header { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: baseline; margin-bottom: 4px }
h1 { font-size: 18px; line-height: 24px; margin: 8px 0 }
#filter { flex: 0 1 200px; min-width: 80px }
#status { margin-left: auto; color: var(--quiet) }
#names { border-collapse: collapse; width: 100% }
thead th { text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap } thead th:last-child { width: 1px }
#names > * > tr > * { padding: 0 8px 0 0; vertical-align: top }
tbody > tr > td:first-child { overflow-wrap: anywhere }
.kind, .facts { color: var(--quiet) } .kind { white-space: nowrap }
button { all: unset; cursor: pointer } button:focus-visible { outline: 2px solid #3b82f6 }
tbody tr:hover > td { background: light-dark(#f4f6f9, #1e2128) }
button::before { content: '●'; content: '●' / ''; display: inline-block; width: 16px; color: #16a34a }
.tight button::before { color: #d97706 } .bad button::before { color: #dc2626 }
svg { display: block; width: 120px; height: 16px } polyline { fill: none; stroke: #3b82f6; stroke-width: 1.5 }
.facts { margin: 2px 0 6px; overflow-wrap: anywhere }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 12px; padding-bottom: 12px }
.charts > div { min-width: 0 }
.u-title { font-size: 13px } .u-legend { font-size: 12px }
@media (max-width: 480px) { body { padding: 0 10px 10px } .kind { display: none } svg { width: 60px } }
`

export const PAGE_SCRIPT = `'use strict'
const MOST_POINTS = 300
const SPARK_SECONDS = 60
const BREAKER_STATES = ['closed', 'half-open', 'open', 'isolated']
const shown = new Map() // name -> its row, and its charts once it was clicked
// A name whose memory cannot be used yet has no charts: once it can, it is another.
const keyOf = (row) => row.state + ' ' + row.file
const table = document.getElementById('names')
const filter = document.getElementById('filter')
const status = document.getElementById('status')
const scheme = matchMedia('(prefers-color-scheme: dark)')
const ink = () => (scheme.matches ? '#9aa3b2' : '#5b6472')
const grid = { stroke: () => (scheme.matches ? '#2a2e37' : '#eceef2') }
const ticks = grid
const timeOf = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8)

function element(tag, parent, text, className = '') {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = text
  made.className = className
  return parent.appendChild(made)
}

function chart(parent, { title, series, yAxis }) {
  const box = element('div', parent)
  const options = {
    title,
    width: box.clientWidth,
    height: 170,
    scales: { y: { range: (u, min, max) => [0, max > 0 ? max * 1.08 : 1] }, ...yAxis?.scales },
    axes: [{ stroke: ink, grid, ticks, space: 70, size: 32, values: (u, splits) => splits.map(timeOf) }, { stroke: ink, grid, ticks, size: 64, ...yAxis?.axis }],
    series: [{ label: 'time', value: (u, v) => (v == null ? '–' : timeOf(v)) }, ...series.map(([label, stroke, more]) => ({ label, stroke, width: 2, points: { show: false }, value: (u, v) => (v == null ? '–' : v.toLocaleString('en-US', { maximumFractionDigits: 1 })), ...more }))],
  }
  const plot = new uPlot(options, [[], ...series.map(() => [])], box)
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 170 })).observe(box)
  return plot
}

/** The charts of a name: what each shows of it. */
function chartsOf(row) {
  const rates = (more, values) => ({ title: 'decisions per second', series: [['allowed', '#16a34a'], ['denied', '#dc2626'], ...more], values: (r) => [r.allowedPerSecond, r.deniedPerSecond, ...values(r)] })
  const charts = []
  if (row.tokens !== null)
    charts.push({ title: 'tokens', series: [['tokens', '#3b82f6', { fill: '#3b82f622' }], ['debt', '#f59e0b'], ['waited for', '#8b5cf6']], values: (r) => [r.tokens, r.debt, r.waiting] }, rates([], () => []))
  if (row.keys !== null) charts.push(rates([['keys evicted', '#8b5cf6']], (r) => [r.evictedPerSecond]))
  if (row.breaker !== null) {
    const yAxis = { scales: { y: { range: [-0.2, BREAKER_STATES.length - 0.8] } }, axis: { splits: BREAKER_STATES.map((_, i) => i), values: (u, splits) => splits.map((s) => BREAKER_STATES[s]), size: 95 } }
    charts.push({ title: 'breaker', series: [['state', '#7c3aed', { paths: uPlot.paths.stepped({ align: 1 }), value: (u, v) => BREAKER_STATES[v] ?? '–' }]], values: (r) => [BREAKER_STATES.indexOf(r.breaker)], yAxis })
  }
  if (row.keys !== null) charts.push({ title: 'keys', series: [['keys', '#16a34a', { fill: '#16a34a22' }], ['room for', '#f59e0b']], values: (r) => [r.keys, r.keyCapacity] })
  if (row.permits !== null) charts.push({ title: 'permits in use', series: [['permits', '#0891b2', { fill: '#0891b222' }], ['at most', '#f59e0b']], values: (r) => [r.permits, r.maxConcurrent] })
  return charts
}

function add(row) {
  const body = document.createElement('tbody')
  const line = element('tr', body)
  const button = element('button', element('td', line), row.shown)
  button.setAttribute('aria-expanded', 'false')
  element('td', line, row.kind, 'kind')
  const says = element('td', line)
  const spark = element('td', line).appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'svg'))
  spark.setAttribute('viewBox', '0 0 120 16')
  spark.setAttribute('preserveAspectRatio', 'none')
  const curve = spark.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'polyline'))
  const name = { body, line, button, says, curve, history: [], detail: null }
  button.addEventListener('click', () => (name.detail === null ? open(name) : close(name)))
  return name
}

function open(name) {
  const line = element('tr', name.body)
  const cell = element('td', line)
  cell.colSpan = 4
  const facts = element('p', cell, '', 'facts')
  const box = element('div', cell, '', 'charts')
  const charts = chartsOf(name.history.at(-1).row)
  name.detail = { line, facts, plots: charts.map((each) => ({ plot: chart(box, each), values: each.values })) }
  name.button.setAttribute('aria-expanded', 'true')
  draw(name)
}

function close(name) {
  for (const { plot } of name.detail.plots) plot.destroy()
  name.detail.line.remove()
  name.button.setAttribute('aria-expanded', 'false')
  name.detail = null
}

function draw({ history, detail }) {
  const { row } = history.at(-1)
  const rate = row.requestsPerSecond === null ? '' : ', ' + row.requestsPerSecond + '/s, burst ' + row.burstSize
  const users = row.processes.length === 0 ? 'no process' : (row.processes.length === 1 ? 'process ' : 'processes ') + row.processes.join(', ')
  detail.facts.textContent = row.kind + rate + ', ' + users
  for (const { plot, values } of detail.plots) {
    const points = history.map((each) => values(each.row))
    plot.setData([history.map(({ seconds }) => seconds), ...points[0].map((_, i) => points.map((each) => each[i]))])
    // Without a mouse the legend has the latest values.
    if (plot.cursor.idx == null) plot.setLegend({ idx: history.length - 1 })
  }
}

/** The value of the short curve of a name: decisions allowed per second, permits in use, or the state of a breaker. */
const curveOf = (row) => row.allowedPerSecond ?? row.permits ?? (row.breaker === null ? 0 : BREAKER_STATES.indexOf(row.breaker))

function show(row, seconds) {
  let name = shown.get(keyOf(row))
  if (name === undefined) shown.set(keyOf(row), (name = add(row)))
  name.line.className = row.health
  name.says.textContent = row.says
  name.history.push({ row, seconds })
  if (name.history.length > MOST_POINTS) name.history.shift()
  const recent = name.history.filter((each) => each.seconds > seconds - SPARK_SECONDS)
  const most = Math.max(1, ...recent.map((each) => curveOf(each.row)))
  name.curve.setAttribute('points', recent.map((each) => (120 * (1 - (seconds - each.seconds) / SPARK_SECONDS)).toFixed(1) + ',' + (15 - (14 * curveOf(each.row)) / most).toFixed(1)).join(' '))
  if (name.detail !== null) draw(name)
}

function applyFilter() {
  const text = filter.value.toLowerCase()
  for (const { body, button } of shown.values()) body.hidden = !button.textContent.toLowerCase().includes(text)
}

filter.addEventListener('input', applyFilter)
// A chart keeps the colours it was drawn with, so it is drawn again; the page follows by itself.
scheme.addEventListener('change', () => {
  for (const { detail } of shown.values()) for (const { plot } of detail?.plots ?? []) plot.redraw(false, true)
})
const events = new EventSource('/events')
events.onmessage = (event) => {
  const { at, names } = JSON.parse(event.data)
  const seconds = Date.parse(at) / 1000
  const there = new Set(names.map(keyOf))
  for (const [key, name] of shown) {
    if (there.has(key)) continue
    if (name.detail !== null) close(name)
    name.body.remove()
    shown.delete(key)
  }
  // In the order of --sort, which may change each time; a row that is in its place is not touched.
  let place = table.tBodies[0] ?? null
  for (const row of names) {
    show(row, seconds)
    const { body } = shown.get(keyOf(row))
    if (body === place) place = place.nextElementSibling
    else table.insertBefore(body, place)
  }
  applyFilter()
  document.getElementById('none').hidden = names.length > 0
  status.textContent = names.length + (names.length === 1 ? ' name' : ' names')
}
events.onerror = () => (status.textContent = 'amorsize top has ended')
`
