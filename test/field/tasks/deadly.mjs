// A task that ends its worker while others wait in it. It loads little: workers are started again and again.
import { request } from 'undici'

export const deadlyOnce = async ({ origin, path, isDeadly }) => {
  const { body } = await request(origin + path)
  const answer = await body.json()
  if (isDeadly && answer.hits === 1) process.exit(1)
  return answer.path
}
