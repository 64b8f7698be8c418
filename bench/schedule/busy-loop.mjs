// Keeps one core busy until its parent ends.
process.on('disconnect', () => process.exit())
const spin = () => {
  const until = performance.now() + 100
  while (performance.now() < until);
  setImmediate(spin)
}
spin()
