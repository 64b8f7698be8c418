import { withRateLimit } from 'amorsize'

// Ten calls per second, and two more at the start: shared by every thread that evaluates this line, because of the name.
const getUser = withRateLimit({ name: 'github', requestsPerSecond: 10, burstSize: 2 })(async (id) => ({ id }))

const start = performance.now()
for (let id = 1; id <= 12; id++) {
  const user = await getUser(id)
  console.log(`user ${user.id} after ${Math.round(performance.now() - start)} ms`) // … user 12 after 1… ms
}
