#include "os/process_identity.h"

#include <mutex>

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#if defined(__linux__)
#include <string>

#include "os/file_status.h"
#include "os/file_tree.h"
#include "os/text.h"
#endif

namespace amorsize::os {
namespace {

using core::ProcessIdentity;
namespace machine = core::machine;

int64_t pack(int64_t pid, uint64_t start) {
  return static_cast<int64_t>((start << machine::kPidBits) & INT64_MAX) | (pid & machine::kPidMask);
}

#if defined(_WIN32)

int64_t current_pid() { return static_cast<int64_t>(GetCurrentProcessId()); }
int64_t current_space() { return 0; }

// When a process started, in 100 ns; 0 when it cannot be known.
uint64_t start_of(int64_t pid) {
  const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return 0;
  FILETIME created{}, ended{}, kernel{}, user{};
  const bool known = GetProcessTimes(process, &created, &ended, &kernel, &user) != 0;
  CloseHandle(process);
  return known ? (static_cast<uint64_t>(created.dwHighDateTime) << 32 | created.dwLowDateTime) : 0;
}

bool exists(int64_t pid) {
  const HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return GetLastError() != ERROR_INVALID_PARAMETER;
  const bool runs = WaitForSingleObject(process, 0) == WAIT_TIMEOUT;
  CloseHandle(process);
  return runs;
}

#else

int64_t current_pid() { return getpid(); }

bool exists(int64_t pid) { return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH; }

#if defined(__linux__)

int64_t current_space() {
  const auto status = status_of("/proc/self/ns/pid");
  return status ? static_cast<int64_t>(status->inode) : 0;
}

// When a process started, in clock ticks since boot; 0 when it cannot be known, or has ended and only waits for its
// parent.
uint64_t start_of(int64_t pid) {
  std::string text;
  if (!FileTree("").read("/proc/" + std::to_string(pid) + "/stat", &text)) return 0;
  // "pid (name) state ppid ... start": the name may hold anything, also parentheses. The start is the 20th word after
  // it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::string_view rest = std::string_view(text).substr(name_end + 1);
  const std::string_view state = take_word(&rest);
  if (state == "Z" || state == "X") return 0;
  for (int i = 0; i < 18; ++i) take_word(&rest);
  return parse_unsigned(take_word(&rest)).value_or(0);
}

#else

int64_t current_space() { return 0; }

uint64_t start_of(int64_t pid) {
#if defined(__APPLE__)
  int name[4] = {CTL_KERN, KERN_PROC, KERN_PROC_PID, static_cast<int>(pid)};
  kinfo_proc found{};
  size_t bytes = sizeof found;
  if (sysctl(name, 4, &found, &bytes, nullptr, 0) != 0 || bytes == 0 || found.kp_proc.p_stat == SZOMB) return 0;
  const timeval& start = found.kp_proc.p_starttime;
  return static_cast<uint64_t>(start.tv_sec) * 1'000 + static_cast<uint64_t>(start.tv_usec) / 1'000;
#else
  (void)pid;
  return 0;
#endif
}

#endif
#endif

}  // namespace

ProcessIdentity own_process() {
  static std::mutex mutex;
  static ProcessIdentity known;
  const std::lock_guard lock(mutex);
  const int64_t pid = current_pid();
  if (known.process == 0 || (known.process & machine::kPidMask) != (pid & machine::kPidMask))
    known = {pack(pid, start_of(pid)), current_space()};
  return known;
}

bool is_alive(const ProcessIdentity& identity) {
  // A space of 0 is a row whose process is just being entered, or died doing so: taken for one of this namespace.
  if (identity.space != 0 && identity.space != own_process().space) return true;
  const int64_t pid = identity.process & machine::kPidMask;
  const uint64_t start = start_of(pid);
  if (start != 0 && identity.process >> machine::kPidBits != 0) return pack(pid, start) == identity.process;
#if defined(__linux__)
  // The kernel tells when a process started unless it has ended; or /proc is not there, and then it tells that of
  // nobody.
  if (start == 0 && own_process().process >> machine::kPidBits != 0) return false;
#endif
  return exists(pid);
}

}  // namespace amorsize::os
