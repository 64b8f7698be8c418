#include <fcntl.h>

#include <cerrno>
#include <string>

#include "os/file_status.h"
#include "os/file_tree.h"
#include "os/machine_memory.h"
#include "os/machine_names.h"

namespace amorsize::os {

const char* boot_source() { return "/proc/sys/kernel/random/boot_id"; }

int ask_epoch(core::Epoch* epoch) {
  std::string text;
  errno = 0;
  if (!FileTree("").read(boot_source(), &text)) return errno != 0 ? errno : ENODATA;
  uint64_t halves[2] = {};
  size_t digits = 0;
  for (const char c : text) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0 || digits == 32) continue;
    halves[digits / 16] = halves[digits / 16] << 4 | static_cast<uint64_t>(digit);
    ++digits;
  }
  epoch->boot_high = static_cast<int64_t>(halves[0]);
  epoch->boot_low = static_cast<int64_t>(halves[1]);
  // A time namespace moves CLOCK_MONOTONIC; kernels before 5.6 have none.
  if (const auto status = status_of("/proc/self/ns/time")) epoch->clock = static_cast<int64_t>(status->inode);
  return epoch->is_known() ? 0 : ENODATA;
}

int allocate_pages(int file, off_t bytes) {
  int error = 0;
  do {
    error = posix_fallocate(file, 0, bytes);
  } while (error == EINTR);
  return error;
}

// What shm_open would use; that function lies in another library before glibc 2.34, which a prebuild could not load.
std::string machine_directory() { return "/dev/shm"; }

}  // namespace amorsize::os
