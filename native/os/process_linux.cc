#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
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

namespace {

struct ProcessStat {
  bool has_ended;  // and only waits for its parent
  uint64_t start;  // in clock ticks since boot
};

// What the kernel shows of a process; nothing when it is not there, is hidden, or no file can be opened.
std::optional<ProcessStat> stat_of(int64_t pid) {
  std::string text;
  if (!FileTree("").read("/proc/" + std::to_string(pid) + "/stat", &text)) return {};
  // "pid (name) state ppid ... start": the name may hold anything, also parentheses. The start is the 20th word after
  // it.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::string_view rest = std::string_view(text).substr(name_end + 1);
  const std::string_view state = take_word(&rest);
  for (int i = 0; i < 18; ++i) take_word(&rest);
  return ProcessStat{state == "Z" || state == "X", parse_unsigned(take_word(&rest)).value_or(0)};
}

}  // namespace

// 0 also when it has ended and only waits for its parent.
uint64_t start_of(int64_t pid) {
  const auto stat = stat_of(pid);
  return stat && !stat->has_ended ? stat->start : 0;
}

bool is_there(int64_t pid) {
  // That this process sees itself says nothing of others: /proc may hide those of more privileges or another group.
  if (const auto stat = stat_of(pid)) return !stat->has_ended;
  return kill(static_cast<pid_t>(pid), 0) == 0 || errno != ESRCH;
}

}  // namespace amorsize::os
