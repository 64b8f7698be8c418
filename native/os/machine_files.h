// Named regions as files in a directory of memory: what machine_names.h promises, with the directory and the moments
// between the steps of a creation open to tests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "core/machine_header.h"
#include "os/machine_names.h"

namespace amorsize::os {

// What has just been done of a creation, for tests that let a process die there.
enum class CreationStep { kFileMade, kLocked, kAllocated, kInitialized, kDescribed, kPublished };

class MachineFiles {
 public:
  explicit MachineFiles(std::string directory, std::function<void(CreationStep)> after_step = nullptr,
                        int64_t patience_ns = kPatienceNs)
      : directory_(std::move(directory)), after_step_(std::move(after_step)), patience_ns_(patience_ns) {}

  MachineCells cells(core::Kind kind, const std::string& name, size_t cells,
                     const std::function<void(core::Word*)>& initialize,
                     const std::function<bool(const core::Word*)>& fits = nullptr);

  // How long to wait for another process that creates the region. Creating takes about a millisecond a MiB.
  static constexpr int64_t kPatienceNs = 5'000'000'000;

 private:
  struct Mapping {
    core::Word* header;
    size_t cells;
  };
  struct Request;
  struct Attempt;

  Attempt attempt(const Request& request);
  Attempt settle(const Request& request, int file);
  Attempt create(const Request& request, int file);
  Attempt use(const Request& request, int file, bool* replaceable);
  void step(CreationStep step) const {
    if (after_step_) after_step_(step);
  }

  const std::string directory_;
  const std::function<void(CreationStep)> after_step_;
  const int64_t patience_ns_;
  std::mutex mutex_;
  // By device and inode: a name that was removed and made again is another region.
  std::map<std::pair<uint64_t, uint64_t>, Mapping> mappings_;
};

// The file of a region: "amorsize.<user>.<kind>.<hash of the name>".
std::string machine_file_name(core::Kind kind, const std::string& name);

// What the times in a region made now would mean.
core::Epoch current_epoch();

}  // namespace amorsize::os
