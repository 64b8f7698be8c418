// What a file of a POSIX system is.
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
  uint64_t allocated;  // bytes; less than `bytes` where the file has holes
  uint64_t device;
  uint64_t inode;
};

inline std::optional<FileStatus> file_status(int failed, const struct stat& found) {
  if (failed != 0) return std::nullopt;
  return FileStatus{static_cast<uint32_t>(found.st_mode),         static_cast<uint32_t>(found.st_uid),
                    static_cast<uint64_t>(found.st_nlink),        static_cast<uint64_t>(found.st_size),
                    static_cast<uint64_t>(found.st_blocks) * 512, static_cast<uint64_t>(found.st_dev),
                    static_cast<uint64_t>(found.st_ino)};
}

// Nothing, and the reason in `errno`, when it cannot be told.
inline std::optional<FileStatus> status_of(int descriptor) {
  struct stat found {};
  return file_status(fstat(descriptor, &found), found);
}
inline std::optional<FileStatus> status_of(const char* path) {
  struct stat found {};
  return file_status(stat(path, &found), found);
}

}  // namespace amorsize::os
