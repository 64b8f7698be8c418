/** With its memory store, as its readme sets it up. */
export const server = ['draft-8', 'draft-7', 'none'].map((headers) => ({
  framework: 'express',
  headers,
  async add(load, app, { max, windowMs }) {
    const { rateLimit } = await load('express-rate-limit')
    app.use(
      rateLimit({ windowMs, limit: max, standardHeaders: headers === 'none' ? false : headers, legacyHeaders: false }),
    )
  },
}))
