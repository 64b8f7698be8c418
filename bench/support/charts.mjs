// Charts as SVG text, drawn without a browser.
import * as echarts from 'echarts'

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
 * @typedef {BarChart | LineChart} Chart
 */

const WIDTH = 820
const BAR_HEIGHT = 30
const FRAME_HEIGHT = 110
const LINES_HEIGHT = 380
/** Without a browser the width of text is a guess; this one is on the safe side. */
const CHARACTER_WIDTH = 7
const OURS = '#0b7285'
const THEIRS = '#adb5bd'
const LINE_COLOURS = [OURS, '#e8590c', '#868e96', '#5f3dc4', '#2b8a3e']

/** Returns `chart` as the text of an SVG file. The same chart gives the same text. */
export function renderChart(chart) {
  const { height, option } = chart.kind === 'bars' ? barOption(chart) : lineOption(chart)
  const canvas = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height })
  canvas.setOption({ animation: false, backgroundColor: '#ffffff', textStyle: { fontFamily: 'sans-serif' }, ...option })
  const svg = canvas.renderToSVGString()
  canvas.dispose()
  return `${svg}\n`
}

function barOption({ title, axis, logarithmic, bars }) {
  return {
    height: FRAME_HEIGHT + bars.length * BAR_HEIGHT,
    option: {
      title: { text: title, left: 12, top: 10, textStyle: { fontSize: 15 } },
      grid: { left: 24 + CHARACTER_WIDTH * Math.max(...bars.map(({ name }) => name.length)), right: 90, top: 46, bottom: 46 },
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
      series: lines.map(({ name, points }) => ({ type: 'line', name, data: points, showSymbol: false, lineStyle: { width: 1.6 } })),
    },
  }
}

function shortNumber(value) {
  return value.toLocaleString('en-US', { notation: 'compact' })
}

function label(value) {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 })
}
