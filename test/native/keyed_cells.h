// A keyed table in memory of its own, and hashes for keys that are numbers.
#pragma once

#include <cstddef>
#include <memory>

#include "core/keyed_table.h"

namespace amorsize::test {

class Table {
 public:
  Table(int64_t capacity, double rate, double burst, bool evicts = true, int64_t start_ns = 1'000'000'000)
      : cells_(new Cell[core::keyed_cells(capacity)]()),
        table_(make(cells_.get(), {rate, burst, capacity, evicts}, start_ns)) {}

  core::KeyedTable<>* operator->() { return &table_; }

  int64_t evicted() const {
    return cells_[core::keyed::kEvicted / core::kWordsPerCell]
        .words[core::keyed::kEvicted % core::kWordsPerCell]
        .load();
  }

 private:
  struct alignas(core::kCellBytes) Cell {
    core::Word words[core::kWordsPerCell];
  };

  static core::KeyedTable<> make(Cell* cells, const core::KeyedParameters& asked, int64_t start_ns) {
    core::KeyedTable<>::initialize(cells[0].words, core::KeyedTerms::make(start_ns, asked, {1, 2}));
    return core::KeyedTable<>(cells[0].words);
  }

  std::unique_ptr<Cell[]> cells_;
  core::KeyedTable<> table_;
};

inline uint64_t hash_of(uint64_t key) { return core::hash_number({3, 4}, static_cast<double>(key)); }

}  // namespace amorsize::test
