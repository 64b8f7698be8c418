// What a file is. Not `stat`, on Linux: glibc 2.33 gave that a new version, which would keep a prebuild from loading on
// older ones.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdint>
#include <optional>

namespace amorsize::os {

struct FileStatus {
  uint32_t mode;
  uint32_t user;
  uint64_t links;
  uint64_t bytes;
  uint64_t device;
  uint64_t inode;
};

#if defined(__linux__)

inline std::optional<FileStatus> file_status(int directory, const char* path, int flags) {
  struct statx found {};
  if (statx(directory, path, flags, STATX_BASIC_STATS, &found) != 0) return std::nullopt;
  return FileStatus{found.stx_mode,
                    found.stx_uid,
                    found.stx_nlink,
                    found.stx_size,
                    static_cast<uint64_t>(found.stx_dev_major) << 32 | found.stx_dev_minor,
                    found.stx_ino};
}

// Nothing, and the reason in `errno`, when it cannot be told.
inline std::optional<FileStatus> status_of(int descriptor) { return file_status(descriptor, "", AT_EMPTY_PATH); }
inline std::optional<FileStatus> status_of(const char* path) { return file_status(AT_FDCWD, path, 0); }

#else

inline std::optional<FileStatus> file_status(int failed, const struct stat& found) {
  if (failed != 0) return std::nullopt;
  return FileStatus{static_cast<uint32_t>(found.st_mode),  static_cast<uint32_t>(found.st_uid),
                    static_cast<uint64_t>(found.st_nlink), static_cast<uint64_t>(found.st_size),
                    static_cast<uint64_t>(found.st_dev),   static_cast<uint64_t>(found.st_ino)};
}

inline std::optional<FileStatus> status_of(int descriptor) {
  struct stat found {};
  return file_status(fstat(descriptor, &found), found);
}
inline std::optional<FileStatus> status_of(const char* path) {
  struct stat found {};
  return file_status(stat(path, &found), found);
}

#endif

}  // namespace amorsize::os
