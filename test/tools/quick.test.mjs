// Those that most programs are built and tested with.
import { beforeAll } from 'vitest'
import { pack } from './support/project.mjs'
import { tryTools } from './support/tried.mjs'
import { quick } from './table.mjs'

beforeAll(pack)
tryTools(quick)
