export default {
  output: 'standalone',
  serverExternalPackages: ['amorsize'],
  // Only for a project that lies within another.
  outputFileTracingRoot: import.meta.dirname,
  // Only for programs that start workers of their own: their files, and
  // what those import.
  outputFileTracingIncludes: {
    '/api/five': ['./five.mjs', './node_modules/amorsize/**'],
  },
}
