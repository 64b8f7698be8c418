#include "os/process_names.h"

#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

namespace amorsize::os {
namespace {

struct alignas(core::kCellBytes) Cell {
  core::Word words[core::kWordsPerCell];
};

struct Table {
  std::mutex mutex;
  std::map<std::pair<core::Kind, std::string>, std::unique_ptr<Cell[]>> cells;
};

// Never destroyed: threads may still decide while the process runs its exit handlers.
Table& table() {
  static Table* const instance = new Table;
  return *instance;
}

}  // namespace

core::Word* find_or_create_cells(core::Kind kind, const std::string& name, size_t cells,
                                 const std::function<void(core::Word*)>& initialize) {
  Table& names = table();
  const std::lock_guard lock(names.mutex);
  auto& entry = names.cells[{kind, name}];
  if (entry == nullptr) {
    entry.reset(new (std::nothrow) Cell[cells]());
    if (entry == nullptr) return nullptr;
    initialize(entry[0].words);
  }
  return entry[0].words;
}

}  // namespace amorsize::os
