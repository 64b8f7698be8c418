import { fileURLToPath } from 'node:url'

export const pool = {
  async start({ load, module, name }) {
    const { Tinypool } = await load('tinypool')
    const threads = new Tinypool({ filename: fileURLToPath(module) })
    return {
      run: (items) => Promise.all(items.map((item) => threads.run(item, { name }))),
      close: () => threads.destroy(),
    }
  },
}
