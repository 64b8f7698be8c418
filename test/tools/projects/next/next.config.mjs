export default {
  output: 'standalone',
  serverExternalPackages: ['amorsize'],
  // Only for programs that start workers of their own: their files, and what those import.
  outputFileTracingIncludes: { '/api/five': ['./five.mjs', './node_modules/amorsize/**'] },
}
