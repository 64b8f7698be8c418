#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "os/file_status.h"
#include "os/file_tree.h"
#include "os/process_system.h"
#include "os/text.h"

namespace amorsize::os {

int64_t current_pid() { return getpid(); }

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

bool is_there(int64_t pid) {
  // The kernel tells when a process started unless it has ended; or /proc is not there, and then it tells that of
  // nobody.
  if (start_of(current_pid()) != 0) return false;
  return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace amorsize::os
