module.exports = (n) => 2 * n
module.exports.double = module.exports
