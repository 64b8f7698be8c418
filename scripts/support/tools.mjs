// The packed package through bundlers, test runners and other tools: test/tools.
import { join } from 'node:path'
import { root } from './project.mjs'
import { vitest } from './vitest.mjs'

const folder = join(root, 'test', 'tools')

/** @param {{ whole: boolean, quiet?: boolean }} options - whole: also those that take long (`*.whole.test.mjs`); quiet: as of vitest */
export const tools = ({ whole, quiet }) =>
  vitest(['--config', join(folder, 'vitest.config.mjs'), ...(whole ? [] : ['--exclude', '**/*.whole.test.mjs'])], {
    quiet,
  })
