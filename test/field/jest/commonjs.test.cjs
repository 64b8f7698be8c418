// As most programs are tested with Jest, compiled to CommonJS: there is no `import()` then.
const amorsize = require('amorsize')
const onBullmq = require('amorsize/bullmq')
const testing = require('amorsize/testing')
const { everyPartOfThePackage } = require('./uses-everything.cjs')

everyPartOfThePackage('commonjs', jest, { amorsize, testing, onBullmq })

it.failing('has no import()', () => import('amorsize'))

it('says of a task in an ES module what can be done', async () => {
  const module = amorsize.task(require.resolve('./first.test.mjs'))
  await expect(amorsize.execute(module, [1])).rejects.toThrow(/is an ES module, and this program has no import\(\)/)
})
