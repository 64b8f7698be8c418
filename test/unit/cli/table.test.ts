import { describe, expect, it } from 'vitest'
import { cut } from '../../../dist/cli/text/screen.js'
import { fitting, textWidth } from '../../../dist/cli/text/text-width.js'
import { formatCount, formatNumber, markdownTable, type Table, textTable } from '../../../dist/cli/text/table.js'

const table: Table = {
  columns: [
    { title: 'name', align: 'left' },
    { title: 'ns', align: 'right' },
  ],
  rows: [
    ['a limiter', '9'],
    ['b', '1,000'],
  ],
}

describe('tables', () => {
  it('align text left and numbers right, without trailing blanks', () => {
    expect(textTable(table)).toBe(['name          ns', 'a limiter      9', 'b          1,000'].join('\n'))
  })

  it('align what takes two columns a character, one, or none', () => {
    const rows = [
      ['限流器', '1'],
      ['café', '22'],
      ['e\u0301e\u0301', '3'],
      ['👨‍👩‍👧 family', '4'],
    ]
    const lines = textTable({
      columns: [
        { title: 'n', align: 'left' },
        { title: 'v', align: 'right' },
      ],
      rows,
    }).split('\n')
    expect(new Set(lines.map((line) => textWidth(line))).size).toBe(1)
    expect(fitting('限流器', 5)).toBe('限流')
    expect(cut('\u001b[1m限流器\u001b[22m x', 5)).toBe('\u001b[1m限流\u001b[22m')
  })

  it('mark up only the heading', () => {
    expect(textTable(table, (line) => `<${line}>`).split('\n')[0]).toBe('<name          ns>')
  })

  it('become Markdown in which a bar in a cell is no column', () => {
    expect(markdownTable({ ...table, rows: [['a|b', '1']] }).split('\n')).toEqual([
      '| name | ns |',
      '| --- | ---: |',
      '| a\\|b | 1 |',
    ])
  })
})

describe('formatNumber', () => {
  it.each([
    [0, '0'],
    [0.4567, '0.457'],
    [9.999, '10'],
    [9.254, '9.25'],
    [41.26, '41.3'],
    [412.6, '413'],
    [4_769_300, '4,770,000'],
    [-1.234, '-1.23'],
  ])('writes %d as %s', (value, text) => {
    expect(formatNumber(value)).toBe(text)
  })
})

describe('formatCount', () => {
  it('drops no digit of a count', () => {
    expect(formatCount(1_009_718)).toBe('1,009,718')
  })
})
