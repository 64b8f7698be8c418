// The request of options that are functions, where nothing around them says whose it is: middleware that is kept to be used, and asked, later.
import { createServer } from 'node:http'
import { connectLimit, shed } from 'amorsize/http'

export const guard = shed({ priority: ({ method, url }) => (method === 'HEAD' || url === '/health' ? Infinity : 5) })
export const limit = connectLimit({
  limits: { burst: { requestsPerSecond: 5, cost: ({ url }) => (url === '/report' ? 2 : 1) } },
  skip: (request) => request.method === 'OPTIONS',
})

createServer((request, response) => {
  guard(request, response, () => limit(request, response, () => response.end(`${guard.stats().running} running`)))
})
