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

struct MachineMapping {
  core::Word* header;
  size_t cells;  // without those of the header
  int row;       // of this process, among the region's owners
  std::pair<uint64_t, uint64_t> file;
  size_t shares;
};

class MachineFiles {
 public:
  explicit MachineFiles(std::string directory, std::function<void(CreationStep)> after_step = nullptr,
                        int64_t patience_ns = kPatienceNs, size_t most_mappings = kMostMappings)
      : directory_(std::move(directory)),
        after_step_(std::move(after_step)),
        patience_ns_(patience_ns),
        most_mappings_(most_mappings) {}

  MachineCells cells(core::Kind kind, const std::string& name, size_t cells,
                     const std::function<void(core::Word*)>& initialize, const Adapt& adapt = nullptr);
  void release(MachineMapping* mapping);

  // How long to wait for another process that creates the region. Creating takes about a millisecond a MiB.
  static constexpr int64_t kPatienceNs = 5'000'000'000;
  // Half of the mappings that Linux lets a process have: the rest of it needs some too, and dies where it gets none.
  static constexpr size_t kMostMappings = 32'000;

 private:
  struct Request;
  struct Attempt;

  Attempt attempt(const Request& request);
  Attempt settle(const Request& request, int file);
  Attempt create(const Request& request, int file);
  Attempt use(const Request& request, int file, bool is_new);
  void step(CreationStep step) const {
    if (after_step_) after_step_(step);
  }

  const std::string directory_;
  const std::function<void(CreationStep)> after_step_;
  const int64_t patience_ns_;
  const size_t most_mappings_;
  std::mutex mutex_;
  // By device and inode: a name that was removed and made again is another region.
  std::map<std::pair<uint64_t, uint64_t>, MachineMapping> mappings_;
};

// The file of a region: "amorsize.<user>.<kind>.<hash of the name>".
std::string machine_file_name(core::Kind kind, const std::string& name);

// What the times in a region made now would mean. `*error`: 0, or why that is not known. Thread-safe.
core::Epoch current_epoch(int* error = nullptr);

}  // namespace amorsize::os
