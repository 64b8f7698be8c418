#include <signal.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <cerrno>

#include "os/process_system.h"

namespace amorsize::os {

int64_t current_pid() { return getpid(); }

int64_t current_space() { return 0; }

uint64_t start_of(int64_t pid) {
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, static_cast<int>(pid)};
  kinfo_proc found{};
  size_t bytes = sizeof found;
  if (sysctl(name, 4, &found, &bytes, nullptr, 0) != 0 || bytes == 0 || found.kp_proc.p_stat == SZOMB) return 0;
  const timeval& start = found.kp_proc.p_starttime;
  return static_cast<uint64_t>(start.tv_sec) * 1'000 + static_cast<uint64_t>(start.tv_usec) / 1'000;
}

// A process that has ended and was not waited for answers to a signal, but has no start.
bool is_there(int64_t pid) {
  if (start_of(current_pid()) != 0) return false;
  return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace amorsize::os
