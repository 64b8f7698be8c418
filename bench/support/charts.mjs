// Charts as SVG text, drawn without a browser.
import * as echarts from 'echarts'
import { roundedDown } from './ratio.mjs'

/**
 * @typedef {object} BarChart
 * @property {'bars'} kind
 * @property {string} file - name of the picture, without extension
 * @property {string} title
 * @property {string} axis - what the length of a bar means, with its unit
 * @property {boolean} logarithmic
 * @property {{ name: string, value: number, ours: boolean }[]} bars
 *
 * @typedef {object} LineChart
 * @property {'lines'} kind
 * @property {string} file
 * @property {string} title
 * @property {string} xAxis
 * @property {string} yAxis
 * @property {{ name: string, points: [number, number][] }[]} lines
 *
 * @typedef {object} HeatChart - maps with the same rows and columns, two side by side
 * @property {'heat'} kind
 * @property {string} file
 * @property {string} title
 * @property {string} xAxis - what the columns are
 * @property {string[]} columns
 * @property {string[]} rows
 * @property {{ title: string, values: (number | null)[][] }[]} panels - a ratio for each row and column, 1 as good as 1; null: not measured
 *
 * @typedef {BarChart | LineChart | HeatChart} Chart
 */

const WIDTH = 820
const BAR_HEIGHT = 30
const FRAME_HEIGHT = 110
const LINES_HEIGHT = 380
/** Without a browser the width of text is a guess; this one is on the safe side. */
const CHARACTER_WIDTH = 7
const PANEL = { left: 68, width: 330, top: 104, height: 172, distanceX: 404, distanceY: 238 }
const OURS = '#0b7285'
const THEIRS = '#adb5bd'
/** Steps of a ratio, with colours on which dark text is read. */
const RATIO_STEPS = [
  { lt: 0.5, color: '#e8704f', label: 'below 0.5' },
  { gte: 0.5, lt: 0.9, color: '#f4a582', label: '0.5 to 0.9' },
  { gte: 0.9, lt: 0.95, color: '#fbd9c6', label: '0.9 to 0.95' },
  { gte: 0.95, lt: 1.1, color: '#f1f3f5', label: '0.95 to 1.1' },
  { gte: 1.1, lt: 1.5, color: '#c5e8ec', label: '1.1 to 1.5' },
  { gte: 1.5, lt: 1.9, color: '#80cbd4', label: '1.5 to 1.9' },
  { gte: 1.9, color: '#38a9b8', label: '1.9 and more' },
]
const LINE_COLOURS = [OURS, '#e8590c', '#868e96', '#5f3dc4', '#2b8a3e']

/** Returns `chart` as the text of an SVG file. The same chart gives the same text. */
export function renderChart(chart) {
  const { height, option } = options[chart.kind](chart)
  const canvas = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  canvas.setOption({ animation: false, backgroundColor: '#ffffff', textStyle: { fontFamily: 'sans-serif' }, ...option })
  const svg = canvas.renderToSVGString()
  canvas.dispose()
  return `${withOwnClasses(svg)}\n`
}

/** Numbers the classes of one picture: the library counts on from one picture to the next. */
function withOwnClasses(svg) {
  const names = new Map()
  return svg.replaceAll(/\bzr\d+-cls-\d+\b/g, (name) => {
    if (!names.has(name)) names.set(name, `class-${names.size}`)
    return names.get(name)
  })
}

const options = { bars: barOption, lines: lineOption, heat: heatOption }

function barOption({ title, axis, logarithmic, bars }) {
  return {
    height: FRAME_HEIGHT + bars.length * BAR_HEIGHT,
    option: {
      title: { text: title, left: 12, top: 10, textStyle: { fontSize: 15 } },
      grid: {
        left: 24 + CHARACTER_WIDTH * Math.max(...bars.map(({ name }) => name.length)),
        right: 90,
        top: 46,
        bottom: 46,
      },
      xAxis: {
        type: logarithmic ? 'log' : 'value',
        name: logarithmic ? `${axis}, logarithmic` : axis,
        nameLocation: 'middle',
        nameGap: 28,
        axisLabel: { formatter: shortNumber },
      },
      yAxis: { type: 'category', inverse: true, data: bars.map(({ name }) => name), axisTick: { show: false } },
      series: [
        {
          type: 'bar',
          barWidth: '62%',
          data: bars.map(({ value, ours }) => ({ value, itemStyle: { color: ours ? OURS : THEIRS } })),
          label: { show: true, position: 'right', formatter: ({ value }) => label(value) },
        },
      ],
    },
  }
}

function lineOption({ title, xAxis, yAxis, lines }) {
  return {
    height: LINES_HEIGHT,
    option: {
      title: { text: title, left: 12, top: 10, textStyle: { fontSize: 15 } },
      legend: { top: 36, left: 12, itemGap: 40, icon: 'roundRect', data: lines.map(({ name }) => name) },
      color: LINE_COLOURS,
      grid: { left: 76, right: 24, top: 76, bottom: 46 },
      xAxis: { type: 'value', name: xAxis, nameLocation: 'middle', nameGap: 28, axisLine: { onZero: false } },
      yAxis: { type: 'value', name: yAxis, nameLocation: 'middle', nameGap: 52 },
      series: lines.map(({ name, points }) => ({
        type: 'line',
        name,
        data: points,
        showSymbol: false,
        lineStyle: { width: 1.6 },
      })),
    },
  }
}

function heatOption({ title, xAxis, columns, rows, panels }) {
  const panelRows = Math.ceil(panels.length / 2)
  const place = (i) => ({
    left: PANEL.left + (i % 2) * PANEL.distanceX,
    top: PANEL.top + Math.floor(i / 2) * PANEL.distanceY,
  })
  const axis = (data, gridIndex) => ({
    type: 'category',
    gridIndex,
    data,
    axisTick: { show: false },
    axisLine: { show: false },
  })
  return {
    height: PANEL.top + panelRows * PANEL.distanceY,
    option: {
      title: [
        { text: title, left: 12, top: 10, textStyle: { fontSize: 15 } },
        ...panels.map((panel, i) => ({
          text: panel.title,
          left: place(i).left,
          top: place(i).top - 22,
          padding: 0,
          textStyle: { fontSize: 12 },
        })),
      ],
      grid: panels.map((_, i) => ({ ...place(i), width: PANEL.width, height: PANEL.height })),
      xAxis: panels.map((_, i) => ({ ...axis(columns, i), name: xAxis, nameLocation: 'middle', nameGap: 26 })),
      yAxis: panels.map((_, i) => ({ ...axis(rows, i), inverse: true })),
      visualMap: {
        type: 'piecewise',
        dimension: 2,
        pieces: RATIO_STEPS,
        orient: 'horizontal',
        left: 12,
        top: 36,
        itemGap: 16,
        itemSymbol: 'rect',
        selectedMode: false,
        hoverLink: false,
      },
      series: panels.map(({ values }, i) => ({
        type: 'heatmap',
        silent: true,
        emphasis: { disabled: true },
        xAxisIndex: i,
        yAxisIndex: i,
        data: values.flatMap((row, y) => row.flatMap((value, x) => (value === null ? [] : [[x, y, value]]))),
        itemStyle: { borderColor: '#ffffff', borderWidth: 2 },
        label: { show: true, color: '#212529', formatter: ({ value: [, , ratio] }) => roundedDown(ratio) },
      })),
    },
  }
}

function shortNumber(value) {
  return value.toLocaleString('en-US', { notation: 'compact' })
}

function label(value) {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}
