// Vitest puts its own import in the place of a test's; a CommonJS file keeps Node's.
module.exports = (url) => import(url)
