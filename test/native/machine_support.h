// A directory of regions for one test, and processes that end in every way.
#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "check.h"
#include "core/token_bucket.h"
#include "os/clock.h"
#include "os/machine_files.h"
#include "os/process_identity.h"

namespace amorsize::test {

inline constexpr core::Kind kKind = core::Kind::kTokenBucket;
inline constexpr size_t kCells = core::bucket::kCells + 1;
inline constexpr size_t kFounding = core::bucket::kCells * core::kWordsPerCell;

// Removed at the end, with all that lies in it.
class Directory {
 public:
  Directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "amorsize-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name, core::Kind kind = kKind) const {
    return path_ + '/' + os::machine_file_name(kind, name);
  }
  size_t files() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::string path_;
};

// Makes a bucket in the cells, with its parameters beside it.
inline std::function<void(core::Word*)> founding(double rate, double burst) {
  return [rate, burst](core::Word* words) {
    core::TokenBucket<>(words).initialize(os::monotonic_ns(), rate, burst);
    words[kFounding].store(static_cast<int64_t>(burst), std::memory_order_relaxed);
  };
}

inline std::function<bool(const core::Word*)> founded_with(double burst) {
  return [burst](const core::Word* words) {
    return words[kFounding].load(std::memory_order_relaxed) == static_cast<int64_t>(burst);
  };
}

inline bool is_bucket(const os::MachineCells& opened, double burst) {
  return opened.words != nullptr && opened.fault == os::MachineFault::kNone &&
         opened.words[core::bucket::kKind].load(std::memory_order_acquire) == core::kind_word(kKind) &&
         core::TokenBucket<>(opened.words).parameters().burst == burst;
}

// Runs `body` in a process of its own, which then ends without running anything of the parent's.
template <class Body>
pid_t start(Body body) {
  std::cout.flush();
  const pid_t pid = fork();
  if (pid != 0) return pid;
  failures = 0;
  body();
  _exit(failures == 0 ? 0 : 1);
}

// Waits for its end: the exit code, or 256 + the signal that killed it.
inline int wait_for(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
  }
  return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Words that a process and those it starts have in common.
inline core::Word* common_words(size_t count) {
  void* const address =
      mmap(nullptr, count * sizeof(core::Word), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return static_cast<core::Word*>(address);
}

}  // namespace amorsize::test
