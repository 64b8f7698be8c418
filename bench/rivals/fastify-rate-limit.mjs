export const title = '@fastify/rate-limit'

const FIELDS = ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset']

/** With its local store, as its readme sets it up. */
export const server = ['legacy', 'none'].map((headers) => ({
  framework: 'fastify',
  headers,
  async add(load, app, { max, windowMs }) {
    const { default: plugin } = await load('@fastify/rate-limit')
    // The one is for what is refused, the other for what is admitted.
    const addHeaders = Object.fromEntries(FIELDS.map((field) => [field, headers !== 'none']))
    await app.register(plugin, { max, timeWindow: windowMs, addHeaders, addHeadersOnExceeding: addHeaders })
  },
}))
