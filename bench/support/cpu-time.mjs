/** The processor time that this process has taken, of user and system, µs. */
export function cpuUs() {
  const { user, system } = process.cpuUsage()
  return user + system
}
