#include <unistd.h>

#include <cstdio>

#include "os/file_status.h"
#include "os/file_tree.h"
#include "os/machine_files.h"
#include "os/machine_names.h"

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace amorsize::os {
namespace {

// Names are long and may hold anything; a file's name is short. 128 bits: no two names of a user meet.
uint64_t hash_of(const std::string& text, uint64_t seed) {
  uint64_t hash = seed;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;  // FNV-1a
  hash = (hash ^ (hash >> 32)) * 0xD6E8'FEB8'6659'FD93;
  return hash ^ (hash >> 32);
}

core::Epoch ask_epoch() {
  core::Epoch epoch;
#if defined(__linux__)
  std::string text;
  if (FileTree("").read("/proc/sys/kernel/random/boot_id", &text)) {
    uint64_t halves[2] = {};
    size_t digits = 0;
    for (const char c : text) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0 || digits == 32) continue;
      halves[digits / 16] = halves[digits / 16] << 4 | static_cast<uint64_t>(digit);
      ++digits;
    }
    epoch.boot_high = static_cast<int64_t>(halves[0]);
    epoch.boot_low = static_cast<int64_t>(halves[1]);
  }
  // A time namespace moves CLOCK_MONOTONIC; kernels before 5.6 have none.
  if (const auto status = status_of("/proc/self/ns/time")) epoch.clock = static_cast<int64_t>(status->inode);
#elif defined(__APPLE__)
  timeval started{};
  size_t bytes = sizeof started;
  int name[2] = {CTL_KERN, KERN_BOOTTIME};
  if (sysctl(name, 2, &started, &bytes, nullptr, 0) == 0) epoch.boot_high = static_cast<int64_t>(started.tv_sec);
#endif
  return epoch;
}

}  // namespace

std::string machine_file_name(core::Kind kind, const std::string& name) {
  char text[96];
  std::snprintf(text, sizeof text, "amorsize.%lu.%lld.%016llx%016llx", static_cast<unsigned long>(geteuid()),
                static_cast<long long>(kind), static_cast<unsigned long long>(hash_of(name, 0xCBF2'9CE4'8422'2325)),
                static_cast<unsigned long long>(hash_of(name, 0x9E37'79B9'7F4A'7C15)));
  return text;
}

core::Epoch current_epoch() {
  static const core::Epoch epoch = ask_epoch();
  return epoch;
}

std::string machine_directory() {
#if defined(__linux__)
  // What shm_open would use; that function lies in another library before glibc 2.34, which a prebuild could not load.
  return "/dev/shm";
#elif defined(__APPLE__)
  // Shared memory of POSIX cannot be listed or locked there; a file of the user's own directory can.
  char path[1024];
  const size_t length = confstr(_CS_DARWIN_USER_TEMP_DIR, path, sizeof path);
  if (length == 0 || length > sizeof path) return "";
  std::string directory(path);
  while (directory.size() > 1 && directory.back() == '/') directory.pop_back();
  return directory;
#else
  return "";
#endif
}

MachineCells machine_cells(core::Kind kind, const std::string& name, size_t cells,
                           const std::function<void(core::Word*)>& initialize,
                           const std::function<bool(const core::Word*)>& fits) {
  // Never destroyed: threads may still decide while the process runs its exit handlers.
  static auto* const files = new MachineFiles(machine_directory());
  return files->cells(kind, name, cells, initialize, fits);
}

}  // namespace amorsize::os
