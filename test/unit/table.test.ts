import { describe, expect, it } from 'vitest'
import { formatCount, formatNumber, markdownTable, type Table, textTable } from '../../dist/cli/table.js'

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
