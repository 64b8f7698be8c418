#include <fcntl.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "os/machine_memory.h"
#include "os/machine_names.h"
#include "os/uuid.h"

namespace amorsize::os {

// Not kern.boottime, which moves when the time of day is set.
const char* boot_source() { return "kern.bootsessionuuid"; }

int ask_epoch(core::Epoch* epoch) {
  char text[64];
  size_t bytes = sizeof text;
  if (sysctlbyname(boot_source(), text, &bytes, nullptr, 0) != 0) return errno;
  const Uuid boot = parse_uuid({text, bytes});
  epoch->boot_high = static_cast<int64_t>(boot.high);
  epoch->boot_low = static_cast<int64_t>(boot.low);
  return epoch->is_known() ? 0 : ENODATA;
}

int allocate_pages(int file, off_t bytes) {
  // Behind the end, which is all that it can: the holes of a file that has its length already stay.
  fstore_t wish{F_ALLOCATEALL, F_PEOFPOSMODE, 0, bytes, 0};
  if (fcntl(file, F_PREALLOCATE, &wish) != 0) return errno;
  return ftruncate(file, bytes) == 0 ? 0 : errno;
}

// Shared memory of POSIX cannot be listed or locked there; a file of the user's own directory can. Of caches, since the
// system removes temporary files that nobody has opened for three days, mapped or not.
std::string machine_directory() {
  char path[1024];
  const size_t length = confstr(_CS_DARWIN_USER_CACHE_DIR, path, sizeof path);
  if (length == 0 || length > sizeof path) return "";
  std::string directory(path);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
}

}  // namespace amorsize::os
