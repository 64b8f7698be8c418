// A hash of where TypeScript and the addon meet: what native/binding offers and how it reads arguments, and the words of shared memory. Both
// carry it (binding.gyp, scripts/bundle.mjs), and the loader takes no addon whose is another.
const { createHash } = require('node:crypto')
const { readFileSync, readdirSync } = require('node:fs')
const { join } = require('node:path')

const ofBinding = readdirSync(__dirname)
  .filter((name) => /\.(cc|h)$/.test(name))
  .sort()
const hash = createHash('sha256')
for (const file of [...ofBinding, join('..', 'core', 'layout.h')])
  hash.update(file.replaceAll('\\', '/')).update(readFileSync(join(__dirname, file)))

module.exports = hash.digest('hex').slice(0, 16)
