// Draws docs/monitoring/panels.svg: what each panel of the dashboard shows of examples/monitoring.mjs, by the panel's own queries, which
// Prometheus answers. Grafana itself has no part in it. Run it after a change of dashboard.json.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './support/project.mjs'
import { mustRun } from './support/run.mjs'

/** Of a column and of a row of the dashboard's grid. */
const CELL = { width: 50, height: 22 }
const COLOURS = ['#0b7285', '#e8590c', '#5f3dc4', '#2b8a3e', '#c2255c', '#868e96', '#f08c00', '#1971c2']
const UNITS = { ops: '/s', percentunit: ' %', s: ' s', bytes: ' MiB', short: '' }
const SCALES = { percentunit: 100, bytes: 1 / 2 ** 20 }
/** Of a legend: what fits below a panel. */
const MOST_CHARACTERS = 58

const file = join(tmpdir(), `amorsize-panels-${process.pid}.json`)
try {
  await mustRun(process.execPath, [join(root, 'examples/monitoring.mjs')], {
    env: { ...process.env, EXAMPLE_SERIES: file },
  })
  const { panels } = JSON.parse(readFileSync(join(root, 'docs/monitoring/dashboard.json'), 'utf8'))
  writeFileSync(join(root, 'docs/monitoring/panels.svg'), picture(panels, JSON.parse(readFileSync(file, 'utf8'))))
} finally {
  rmSync(file, { force: true })
}

function picture(panels, series) {
  const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * CELL.height
  const parts = panels.map((panel) => drawn(panel, series[panel.title]))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="${height}" viewBox="0 0 1200 ${height}" font-family="sans-serif" font-size="11">
<style>:root { color-scheme: light dark } .ground { fill: #fff } .box { fill: #fff; stroke: #d5d9e0 } text { fill: #1c2026 } .quiet { fill: #5b6472 } .grid { stroke: #eceef2 } .line { fill: none; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) { .ground { fill: #16181d } .box { fill: #1b1e24; stroke: #3a3f4b } text { fill: #e4e7ec } .quiet { fill: #9aa3b2 } .grid { stroke: #2a2e37 } }</style>
<rect class="ground" width="1200" height="${height}"/>
${parts.join('\n')}
</svg>
`
}

function drawn({ title, type, gridPos, fieldConfig }, series) {
  const [x, y] = [gridPos.x * CELL.width, gridPos.y * CELL.height]
  const [width, height] = [gridPos.w * CELL.width, gridPos.h * CELL.height]
  if (type === 'row')
    return `<text x="${x + 8}" y="${y + 16}" font-size="13" font-weight="bold">${escaped(title)}</text>`
  const unit = fieldConfig?.defaults?.unit ?? 'short'
  const inside = { left: x + 56, top: y + 30, width: width - 72, height: height - 62 }
  const body =
    series.length === 0
      ? nothing(inside)
      : type === 'state-timeline'
        ? states(inside, series)
        : lines(inside, series, unit)
  return `<g><rect class="box" x="${x + 4}" y="${y + 4}" width="${width - 8}" height="${height - 8}" rx="3"/>
<text x="${x + 12}" y="${y + 20}" font-weight="bold">${escaped(title)}</text>
${body}</g>`
}

function nothing({ left, top }) {
  return `<text class="quiet" x="${left}" y="${top + 40}">no such limit where this was drawn</text>`
}

function lines({ left, top, width, height }, series, unit) {
  const scale = SCALES[unit] ?? 1
  const points = series.map(({ values }) =>
    values.map(([time, value]) => [time, Number(value) * scale]).filter(([, value]) => Number.isFinite(value)),
  )
  const times = points.flat().map(([time]) => time)
  const [start, end] = [Math.min(...times), Math.max(...times)]
  const most = roundUp(Math.max(0, ...points.flat().map(([, value]) => value)))
  const at = ([time, value]) =>
    `${(left + (width * (time - start)) / Math.max(1, end - start)).toFixed(1)},${(top + height * (1 - value / most)).toFixed(1)}`
  const grid = [0, 0.5, 1].map((part) => {
    const y = top + height * (1 - part)
    return `<line class="grid" x1="${left}" x2="${left + width}" y1="${y}" y2="${y}"/><text class="quiet" x="${left - 6}" y="${y + 4}" text-anchor="end">${shown(part * most)}${UNITS[unit] ?? ''}</text>`
  })
  const drawnLines = points.map(
    (each, i) => `<polyline class="line" stroke="${colour(i)}" points="${each.map(at).join(' ')}"/>`,
  )
  return [...grid, ...drawnLines, legend({ left, top, height }, series)].join('\n')
}

function states({ left, top, width, height }, series) {
  const times = series.flatMap(({ values }) => values.map(([time]) => time))
  const [start, end] = [Math.min(...times), Math.max(...times)]
  const step = width / Math.max(1, (end - start) / 0.5 + 1)
  const bars = series.map(({ values }, i) =>
    values
      .map(
        ([time]) =>
          `<rect fill="${colour(i)}" x="${(left + ((time - start) / 0.5) * step).toFixed(1)}" y="${top + height / 4}" width="${(step + 0.3).toFixed(1)}" height="${height / 2}"/>`,
      )
      .join(''),
  )
  return [...bars, legend({ left, top, height }, series)].join('\n')
}

function legend({ left, top, height }, series) {
  let room = MOST_CHARACTERS
  const shownSeries = series.filter(({ name }) => (room -= name.length + 3) >= 0)
  const names = shownSeries.map(
    (each) => `<tspan fill="${colour(series.indexOf(each))}">■</tspan> ${escaped(each.name)}  `,
  )
  const more = series.length > shownSeries.length ? `+ ${series.length - shownSeries.length}` : ''
  return `<text class="quiet" font-size="10" x="${left - 40}" y="${top + height + 18}">${names.join('')}${more}</text>`
}

function colour(i) {
  return COLOURS[i % COLOURS.length]
}

/** The next of 1, 2 and 5 times a power of ten. */
function roundUp(value) {
  if (value === 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value)
}

function shown(value) {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
