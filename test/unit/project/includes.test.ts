import { expect, it } from 'vitest'
import { faultOf } from '../../../scripts/support/includes.mjs'

it.each([
  ['core', true, 'core/layout.h'],
  ['core', false, 'atomic'],
  ['os', false, 'sys/mman.h'],
  ['os', true, 'core/layout.h'],
  ['binding', false, 'node_api.h'],
  ['binding', true, 'os/clock.h'],
] as const)('native/%s may include a header (quoted: %s) %s', (folder, quoted, header) => {
  expect(faultOf(folder, quoted, header)).toBeNull()
})

it.each([
  ['core', false, 'node_api.h', 'only native/binding may'],
  ['os', false, 'node_api.h', 'only native/binding may'],
  ['core', false, 'time.h', 'pure'],
  ['core', true, 'os/clock.h', 'must not include native/os'],
  ['os', true, 'binding/arguments.h', 'must not include native/binding'],
  ['core', true, 'layout.h', 'starts at native/'],
] as const)('native/%s must not include a header (quoted: %s) %s', (folder, quoted, header, why) => {
  expect(faultOf(folder, quoted, header)).toContain(why)
})
