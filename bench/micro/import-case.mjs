// Measures one import: node import-case.mjs <module>. In a fresh process, the module's files in the system's cache.
import { pathToFileURL } from 'node:url'
import { reportToParent } from '../../dist/cli/child-process.js'

const url = pathToFileURL(process.argv[2]).href

await reportToParent(async () => {
  const start = performance.now()
  await import(url)
  return { importMs: performance.now() - start }
})
