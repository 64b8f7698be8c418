export const title = '@fastify/rate-limit'

const FIELDS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']

/** With its local store, as its readme sets it up. */
export const server = ['legacy', 'none'].map((headers) => ({
  framework: 'fastify',
  headers,
  async add(load, app, { max, windowMs }) {
    const { default: plugin } = await load('@fastify/rate-limit')
    const addHeaders = Object.fromEntries(FIELDS.map((field) => [field, headers !== 'none']))
    await app.register(plugin, { max, timeWindow: windowMs, addHeaders })
  },
}))
