// The part of a server without the server: it runs its plugins and ends.
export default { preset: 'node-listener', compatibilityDate: '2026-01-01', plugins: ['./plugin.mjs'] }
