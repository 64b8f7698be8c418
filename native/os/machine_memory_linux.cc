#include <fcntl.h>
#include <signal.h>

#include <cerrno>
#include <string>

#include "os/file_status.h"
#include "os/file_tree.h"
#include "os/machine_memory.h"
#include "os/machine_names.h"
#include "os/uuid.h"

namespace amorsize::os {

const char* boot_source() { return "/proc/sys/kernel/random/boot_id"; }

int ask_epoch(core::Epoch* epoch) {
  std::string text;
  errno = 0;
  if (!FileTree("").read(boot_source(), &text)) return errno != 0 ? errno : ENODATA;
  const Uuid boot = parse_uuid(text);
  epoch->boot_high = static_cast<int64_t>(boot.high);
  epoch->boot_low = static_cast<int64_t>(boot.low);
  // A time namespace moves CLOCK_MONOTONIC; kernels before 5.6 have none.
  if (const auto status = status_of("/proc/self/ns/time")) epoch->clock = static_cast<int64_t>(status->inode);
  return epoch->is_known() ? 0 : ENODATA;
}

int allocate_pages(int file, off_t bytes) {
  // Before Linux 6.10 the kernel gives up all that it has allocated for a call when a signal comes: with those of a
  // profiler, a thousand a second, a large file would never be done.
  sigset_t all{}, before{};
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  do {
    error = posix_fallocate(file, 0, bytes);
  } while (error == EINTR);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

// What shm_open would use; that function lies in another library before glibc 2.34, which a prebuild could not load.
std::string machine_directory() { return "/dev/shm"; }

}  // namespace amorsize::os
