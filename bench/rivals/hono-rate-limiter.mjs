/** With its memory store; it wants a function for the key, which here reads the socket's address, as the others do. */
export const server = ['draft-6', 'draft-7', 'none'].map((headers) => ({
  framework: 'hono',
  headers,
  async add(load, app, { max, windowMs }) {
    const { rateLimiter } = await load('hono-rate-limiter')
    const keyGenerator = (context) => context.env.incoming.socket.remoteAddress ?? ''
    app.use(rateLimiter({ windowMs, limit: max, standardHeaders: headers === 'none' ? false : headers, keyGenerator }))
  },
}))
