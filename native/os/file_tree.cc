#include "os/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace amorsize::os {
namespace {

constexpr size_t kFirstRead = 4096;
constexpr size_t kLinesRead = size_t{64} << 10;
constexpr size_t kMostNoted = 64;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

int open_retrying(const char* path, int flags) {
  for (;;) {
    const int fd = open(path, flags);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

ssize_t read_retrying(int fd, char* to, size_t bytes) {
  for (;;) {
    const ssize_t n = read(fd, to, bytes);
    if (n >= 0 || errno != EINTR) return n;
  }
}

// Whether a failure says nothing about the file: it may be there, and hold a limit.
bool is_unreadable(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EACCES || error == EPERM || error == EIO ||
         error == EFBIG;
}

}  // namespace

void FileTree::note_failure(std::string_view path, int error) const {
  if (!is_unreadable(error) || unreadable_.size() == kMostNoted) return;
  if (std::find(unreadable_.begin(), unreadable_.end(), path) == unreadable_.end()) unreadable_.emplace_back(path);
}

std::string FileTree::full(std::string_view path) const {
  std::string result;
  result.reserve(root_.size() + path.size());
  result.append(root_).append(path);
  return result;
}

bool FileTree::read_up_to(std::string_view path, size_t limit, Until until, std::string* out) const {
  out->clear();
  // A pipe in a tree would block without O_NONBLOCK.
  const Descriptor file(open_retrying(full(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    note_failure(path, errno);
    return false;
  }

  size_t length = 0;
  for (;;) {
    // One byte past the limit tells a file that ends there from one that goes on.
    const size_t room = std::min(std::max(kFirstRead, length), limit + (until == Until::limit ? 0 : 1) - length);
    if (room == 0) break;
    out->resize(length + room);
    const ssize_t n = read_retrying(file.get(), out->data() + length, room);
    if (n < 0) {
      note_failure(path, errno);
      out->clear();
      return false;
    }
    length += static_cast<size_t>(n);
    const bool is_short = static_cast<size_t>(n) < room;
    if (n == 0 || (is_short && until == Until::short_read)) break;
    if (length > limit) {
      note_failure(path, EFBIG);
      out->clear();
      return false;
    }
  }
  out->resize(length);
  return true;
}

bool FileTree::read_lines(std::string_view path, const std::function<void(std::string_view)>& take) const {
  const Descriptor file(open_retrying(full(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    note_failure(path, errno);
    return false;
  }
  std::string buffer(kLinesRead, '\0');
  size_t kept = 0;  // the beginning of a line whose end has not been read
  for (size_t total = 0; total <= kMaxLinesBytes && kept < kMaxFileBytes;) {
    if (buffer.size() - kept < kLinesRead) buffer.resize(2 * buffer.size());
    const ssize_t n = read_retrying(file.get(), buffer.data() + kept, buffer.size() - kept);
    if (n < 0) {
      note_failure(path, errno);
      return false;
    }
    if (n == 0) {
      if (kept > 0) take(std::string_view(buffer.data(), kept));
      return true;
    }
    total += static_cast<size_t>(n);
    const std::string_view text(buffer.data(), kept + static_cast<size_t>(n));
    size_t begin = 0;
    for (size_t end = text.find('\n', kept); end != std::string_view::npos; end = text.find('\n', begin)) {
      take(text.substr(begin, end - begin));
      begin = end + 1;
    }
    kept = text.size() - begin;
    std::copy(text.begin() + static_cast<ptrdiff_t>(begin), text.end(), buffer.begin());
  }
  note_failure(path, EFBIG);
  return false;
}

Presence FileTree::probe(std::string_view path) const {
  if (access(full(path).c_str(), F_OK) == 0) return Presence::present;
  return errno == ENOENT || errno == ENOTDIR ? Presence::absent : Presence::unknown;
}

std::vector<std::string> FileTree::directories(std::string_view path, size_t limit) const {
  std::vector<std::string> names;
  DIR* directory = opendir(full(path).c_str());
  if (directory == nullptr) return names;
  while (names.size() < limit) {
    const dirent* entry = readdir(directory);
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN) {
      struct stat status {};
      is_directory =
          fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
    }
    if (is_directory) names.emplace_back(name);
  }
  closedir(directory);
  return names;
}

}  // namespace amorsize::os
