// Reads small text files below a root directory: "/proc/self/cgroup" of the machine itself, or of a tree that a test
// laid out. Every reader of this folder takes a FileTree, so none of them knows which of the two it reads.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace amorsize::os {

// A file that is larger is no file of the kernel's; it is reported as unreadable.
inline constexpr size_t kMaxFileBytes = size_t{16} << 20;

// The same for a file that is read by lines: the mounts of a namespace, 100,000 at most, take up to 10 KiB each.
inline constexpr size_t kMaxLinesBytes = size_t{1} << 30;

enum class Presence { present, absent, unknown };

class FileTree {
 public:
  // `root` without a trailing slash; empty for the machine itself.
  explicit FileTree(std::string root) : root_(std::move(root)) {}

  // Replaces `out` with the whole file at the absolute `path`; false (and `out` empty) when it cannot be read.
  bool read(std::string_view path, std::string* out) const { return read_up_to(path, kMaxFileBytes, Until::end, out); }

  // Like `read`, for a file that the kernel prints in one piece (single_open and sysfs; not mountinfo or cpuinfo): a
  // short read is its end, which saves the system call that would say so.
  bool read_value(std::string_view path, std::string* out) const {
    return read_up_to(path, kMaxFileBytes, Until::short_read, out);
  }

  // The first `bytes` of a file whose later parts are costly to produce.
  bool read_prefix(std::string_view path, size_t bytes, std::string* out) const {
    return read_up_to(path, bytes, Until::limit, out);
  }

  // Hands each line of a file, however long the file, to `take`. False when not all of it could be read.
  bool read_lines(std::string_view path, const std::function<void(std::string_view)>& take) const;

  // Whether `path` exists; unknown when the kernel does not let this process look.
  Presence probe(std::string_view path) const;

  // Names of the directories in `path`, at most `limit` of them, in no order.
  std::vector<std::string> directories(std::string_view path, size_t limit) const;

  // Files that are there and could not be read: no descriptor left, no permission, an error of the device. What they
  // would have said is unknown, which is not the same as a file that is missing. Each once, the first 64.
  const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  enum class Until { end, short_read, limit };

  bool read_up_to(std::string_view path, size_t limit, Until until, std::string* out) const;
  std::string full(std::string_view path) const;
  void note_failure(std::string_view path, int error) const;

  std::string root_;
  // What reading leaves behind; a tree is read by one thread.
  mutable std::vector<std::string> unreadable_;
};

}  // namespace amorsize::os
