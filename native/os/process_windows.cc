#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "os/process_system.h"

namespace amorsize::os {

int64_t current_pid() { return static_cast<int64_t>(GetCurrentProcessId()); }
int64_t current_space() { return 0; }

namespace {

// One that has ended is there for as long as anybody holds a handle of it.
bool runs(HANDLE process) { return WaitForSingleObject(process, 0) == WAIT_TIMEOUT; }

}  // namespace

// When a process started, in 100 ns; 0 when it has ended, or cannot be known.
uint64_t start_of(int64_t pid) {
  const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return 0;
  FILETIME created{}, ended{}, kernel{}, user{};
  const bool known = runs(process) && GetProcessTimes(process, &created, &ended, &kernel, &user) != 0;
  CloseHandle(process);
  return known ? (static_cast<uint64_t>(created.dwHighDateTime) << 32 | created.dwLowDateTime) : 0;
}

bool is_there(int64_t pid) {
  const HANDLE process = OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(pid));
  if (process == nullptr) return GetLastError() != ERROR_INVALID_PARAMETER;
  const bool is_running = runs(process);
  CloseHandle(process);
  return is_running;
}

}  // namespace amorsize::os
