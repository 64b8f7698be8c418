/** The page of `amorsize top --web`. It asks this server alone, and puts names on the page as text, never as markup. */

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
<main id="names"></main>
<p id="none" hidden>No name of this user is shared on this machine, or none holds the filter.</p>
<script src="/uplot.js"></script>
<script src="/page.js"></script>
</body>
</html>
`

export const PAGE_CSS = `:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a3f4b); --quiet: light-dark(#5b6472, #9aa3b2) }
body { font: 14px/1.4 system-ui, sans-serif; margin: 0 auto; max-width: 1180px; padding: 0 20px 20px; background: light-dark(#fff, #16181d); color: light-dark(#1c2026, #e4e7ec) }
header { display: flex; flex-wrap: wrap; gap: 0 16px; align-items: baseline; border-bottom: 1px solid var(--line); margin-bottom: 12px }
h1 { font-size: 18px } h2 { font-size: 15px; margin: 0 }
#filter { flex: 0 1 200px; min-width: 80px }
#status { margin-left: auto; color: var(--quiet) }
h2, section p { overflow-wrap: anywhere }
section { border-bottom: 1px solid var(--line); padding: 10px 0 }
section p { margin: 2px 0 6px; color: var(--quiet) }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 12px }
.charts > div { min-width: 0 }
.u-title { font-size: 13px } .u-legend { font-size: 12px }
@media (max-width: 480px) { body { padding: 0 10px 10px } }
`

export const PAGE_SCRIPT = `'use strict'
const MOST_POINTS = 300
const BREAKER_STATES = ['closed', 'half-open', 'open', 'isolated']
const charts = new Map() // name -> what is drawn of it
// A name whose memory cannot be used yet has no charts: once it can, it is another.
const keyOf = (row) => row.state + ' ' + row.file
const main = document.getElementById('names')
const filter = document.getElementById('filter')
const status = document.getElementById('status')
const scheme = matchMedia('(prefers-color-scheme: dark)')
const ink = () => (scheme.matches ? '#9aa3b2' : '#5b6472')
const grid = { stroke: () => (scheme.matches ? '#2a2e37' : '#eceef2') }
const ticks = grid
const timeOf = (seconds) => new Date(seconds * 1000).toTimeString().slice(0, 8)

function element(tag, parent, text) {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = text
  return parent.appendChild(made)
}

function chart(parent, title, series, yAxis) {
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

function open(row) {
  const section = element('section', main)
  element('h2', section, row.name ?? row.file)
  const facts = element('p', section)
  const box = element('div', section)
  box.className = 'charts'
  const opened = { section, facts, times: [], columns: [], plots: [] }
  const add = (title, series, values, yAxis) => opened.plots.push({ plot: chart(box, title, series, yAxis), values, columns: series.map(() => []) })
  if (row.tokens !== null) {
    add('tokens', [['tokens', '#3b82f6', { fill: '#3b82f622' }], ['debt', '#f59e0b'], ['waited for', '#8b5cf6']], (r) => [r.tokens, r.debt, r.waiting])
    add('decisions per second', [['allowed', '#16a34a'], ['denied', '#dc2626']], (r) => [r.allowedPerSecond, r.deniedPerSecond])
  }
  if (row.keys !== null)
    add('decisions per second', [['allowed', '#16a34a'], ['denied', '#dc2626'], ['keys evicted', '#8b5cf6']], (r) => [r.allowedPerSecond, r.deniedPerSecond, r.evictedPerSecond])
  if (row.breaker !== null) {
    const yAxis = { scales: { y: { range: [-0.2, BREAKER_STATES.length - 0.8] } }, axis: { splits: BREAKER_STATES.map((_, i) => i), values: (u, splits) => splits.map((s) => BREAKER_STATES[s]), size: 95 } }
    add('breaker', [['state', '#7c3aed', { paths: uPlot.paths.stepped({ align: 1 }), value: (u, v) => BREAKER_STATES[v] ?? '–' }]], (r) => [BREAKER_STATES.indexOf(r.breaker)], yAxis)
  }
  if (row.keys !== null) add('keys', [['keys', '#16a34a', { fill: '#16a34a22' }], ['room for', '#f59e0b']], (r) => [r.keys, r.keyCapacity])
  if (row.permits !== null) add('permits in use', [['permits', '#0891b2', { fill: '#0891b222' }], ['at most', '#f59e0b']], (r) => [r.permits, r.maxConcurrent])
  return opened
}

function show(row, seconds) {
  let drawn = charts.get(keyOf(row))
  if (drawn === undefined) charts.set(keyOf(row), (drawn = open(row)))
  const rate = row.requestsPerSecond === null ? '' : ', ' + row.requestsPerSecond + '/s, burst ' + row.burstSize
  const users = row.processes.length === 0 ? 'no process' : (row.processes.length === 1 ? 'process ' : 'processes ') + row.processes.join(', ')
  drawn.facts.textContent = row.kind + rate + ', ' + users + (row.state === 'ready' ? '' : ', ' + row.state)
  drawn.times.push(seconds)
  if (drawn.times.length > MOST_POINTS) drawn.times.shift()
  for (const { plot, values, columns } of drawn.plots) {
    values(row).forEach((value, i) => {
      columns[i].push(value)
      if (columns[i].length > MOST_POINTS) columns[i].shift()
    })
    plot.setData([drawn.times, ...columns])
  }
}

function applyFilter() {
  const text = filter.value.toLowerCase()
  for (const { section } of charts.values()) section.hidden = !section.firstChild.textContent.toLowerCase().includes(text)
}

filter.addEventListener('input', applyFilter)
// A chart keeps the colours it was drawn with, so it is drawn again; the page follows by itself.
scheme.addEventListener('change', () => {
  for (const { plots } of charts.values()) for (const { plot } of plots) plot.redraw(false, true)
})
const events = new EventSource('/events')
events.onmessage = (event) => {
  const { at, names } = JSON.parse(event.data)
  const seconds = Date.parse(at) / 1000
  const there = new Set(names.map(keyOf))
  for (const [key, { section, plots }] of charts) {
    if (there.has(key)) continue
    for (const { plot } of plots) plot.destroy()
    section.remove()
    charts.delete(key)
  }
  // In the order of --sort, which may change from look to look; what stands right is not touched.
  let place = main.firstElementChild
  for (const row of names) {
    show(row, seconds)
    const { section } = charts.get(keyOf(row))
    if (section === place) place = place.nextElementSibling
    else main.insertBefore(section, place)
  }
  applyFilter()
  document.getElementById('none').hidden = names.length > 0
  status.textContent = names.length + (names.length === 1 ? ' name' : ' names')
}
events.onerror = () => (status.textContent = 'amorsize top has ended')
`
