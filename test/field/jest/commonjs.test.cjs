// As most programs are tested with Jest, compiled to CommonJS: there is no `import()` then.
const amorsize = require('amorsize')
const onBullmq = require('amorsize/bullmq')
const testing = require('amorsize/testing')
const { everyPartOfThePackage } = require('./uses-everything.cjs')

everyPartOfThePackage('commonjs', jest, { amorsize, testing, onBullmq })

it.failing('has no import()', () => import('amorsize'))

it('names the ES module that Jest would have to compile', async () => {
  const module = amorsize.task(require.resolve('./first.test.mjs'))
  await expect(amorsize.execute(module, [1])).rejects.toThrow(/Must use import to load ES Module: .*first\.test\.mjs/)
})
