#include "os/process_identity.h"

#include <mutex>

#include "os/process_system.h"

namespace amorsize::os {
namespace {

using core::ProcessIdentity;
namespace machine = core::machine;

int64_t pack(int64_t pid, uint64_t start) {
  return static_cast<int64_t>((start << machine::kPidBits) & INT64_MAX) | (pid & machine::kPidMask);
}

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
  // A space of 0 is a row whose process is just being entered, or died doing so: taken for one of this namespace. Were
  // it taken for one that runs, a process killed just then would keep its row, and the name its parameters, until the
  // machine restarts. The price: a process of another namespace that stops between those two stores of its first row
  // may lose it.
  if (identity.space != 0 && identity.space != own_process().space) return true;
  const int64_t pid = identity.process & machine::kPidMask;
  const uint64_t start = start_of(pid);
  if (start == 0) return is_there(pid);
  // One that could not tell its own start is taken for the one that has its number.
  return identity.process >> machine::kPidBits == 0 || pack(pid, start) == identity.process;
}

}  // namespace amorsize::os
