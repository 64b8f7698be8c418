import { beforeAll } from 'vitest'
import { pack } from './support/project.mjs'
import { tryTools } from './support/tried.mjs'
import { others } from './table.mjs'

beforeAll(pack)
tryTools(others)
