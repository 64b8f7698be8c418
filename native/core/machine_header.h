// The header of a named region: written once by its creator, judged by everybody else. Pure: what the kernel knows is
// passed in.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/layout.h"

namespace amorsize::core {

inline constexpr size_t kMachineHeaderBytes = machine::kHeaderCells * kCellBytes;
inline constexpr size_t kMaxMachineNameBytes = machine::kNameWords * sizeof(Word);

// What the times in a region mean: a boot of the machine, and a clock within it.
struct Epoch {
  int64_t boot_high = 0;
  int64_t boot_low = 0;
  int64_t clock = 0;

  // Whether the system has told which boot this is. Regions of different boots could not be told apart otherwise.
  bool is_known() const { return boot_high != 0 || boot_low != 0; }
};

enum class HeaderState { kReady, kUnfinished, kForeign, kOtherVersion, kOtherBoot, kOtherClock };

// The header as it was copied out of a region, which need not be one of ours.
using HeaderCopy = std::array<int64_t, machine::kHeaderCells * kWordsPerCell>;

// Judges a copied header. `bytes` is the region's true size. A region whose creator has not come to an end is
// unfinished whatever else it holds; another version is told by two words that keep their place for ever.
inline HeaderState judge_header(const HeaderCopy& copy, size_t bytes, Kind kind, std::string_view name,
                                const Epoch& now) {
  if (bytes < sizeof(int64_t) || copy[region::kMagic] == 0) return HeaderState::kUnfinished;
  if (copy[region::kMagic] != region::kMagicValue || bytes < kMachineHeaderBytes) return HeaderState::kForeign;
  if (copy[region::kVersion] != kLayoutVersion) return HeaderState::kOtherVersion;
  const auto cells = static_cast<uint64_t>(copy[region::kCells]);
  if (bytes % kCellBytes != 0 || cells != bytes / kCellBytes || cells <= machine::kHeaderCells)
    return HeaderState::kForeign;
  if (copy[machine::kKind] != static_cast<int64_t>(kind) ||
      static_cast<uint64_t>(copy[machine::kNameBytes]) != name.size())
    return HeaderState::kForeign;
  if (name.size() > kMaxMachineNameBytes || std::memcmp(&copy[machine::kName], name.data(), name.size()) != 0)
    return HeaderState::kForeign;
  if (copy[machine::kBootHigh] != now.boot_high || copy[machine::kBootLow] != now.boot_low)
    return HeaderState::kOtherBoot;
  return copy[machine::kClock] == now.clock ? HeaderState::kReady : HeaderState::kOtherClock;
}

// Describes a zeroed region. Nobody trusts it before `publish_header`.
template <class W>
void write_header(W* header, size_t cells, Kind kind, std::string_view name, const Epoch& now) {
  // order: relaxed throughout. The release of `publish_header` comes after all of them.
  const auto store = [header](size_t word, int64_t value) { header[word].store(value, std::memory_order_relaxed); };
  store(region::kVersion, kLayoutVersion);
  store(region::kCells, static_cast<int64_t>(cells));
  store(machine::kKind, static_cast<int64_t>(kind));
  store(machine::kBootHigh, now.boot_high);
  store(machine::kBootLow, now.boot_low);
  store(machine::kClock, now.clock);
  store(machine::kNameBytes, static_cast<int64_t>(name.size()));
  for (size_t at = 0; at < name.size(); at += sizeof(int64_t)) {
    int64_t word = 0;
    std::memcpy(&word, name.data() + at, std::min(sizeof word, name.size() - at));
    store(machine::kName + at / sizeof word, word);
  }
}

template <class W>
void publish_header(W* header) {
  // order: release. Pairs with `is_published`: whoever sees the magic word sees the header and the cells behind it.
  header[region::kMagic].store(region::kMagicValue, std::memory_order_release);
}

template <class W>
bool is_published(const W* header) {
  // order: acquire. Pairs with `publish_header`.
  return header[region::kMagic].load(std::memory_order_acquire) == region::kMagicValue;
}

// Who a process is, to processes that cannot ask it: see layout.h for `process`; `space` is its PID namespace.
struct ProcessIdentity {
  int64_t process = 0;
  int64_t space = 0;
};

// Whether a process that runs uses the region.
template <class W, class IsAlive>
bool has_owner(const W* header, IsAlive is_alive) {
  for (size_t i = 0; i < machine::kOwnerRows; ++i) {
    const W* const row = header + machine::kOwners + i * machine::kOwnerRowWords;
    // order: relaxed. A row publishes nothing but itself.
    const ProcessIdentity owner{row[0].load(std::memory_order_relaxed), row[1].load(std::memory_order_relaxed)};
    if (owner.process != 0 && is_alive(owner)) return true;
  }
  return false;
}

// Whether nobody has this row of the owners, or a process that has ended.
template <class W, class IsAlive>
bool is_row_gone(const W* header, size_t row, IsAlive is_alive) {
  if (row >= machine::kOwnerRows) return false;
  const W* const words = header + machine::kOwners + row * machine::kOwnerRowWords;
  // order: relaxed. A row publishes nothing but itself.
  const ProcessIdentity owner{words[0].load(std::memory_order_relaxed), words[1].load(std::memory_order_relaxed)};
  return owner.process == 0 || !is_alive(owner);
}

inline constexpr int kNoOwnerRow = -1;

// Clears the rows of ended processes and takes one for `self`, which may have others. kNoOwnerRow when every row is
// that of a process that runs.
template <class W, class IsAlive>
int enter_owner(W* header, const ProcessIdentity& self, IsAlive is_alive) {
  const auto row = [header](size_t i) { return header + machine::kOwners + i * machine::kOwnerRowWords; };
  for (size_t i = 0; i < machine::kOwnerRows; ++i) {
    // order: relaxed here and below. A row publishes nothing but itself.
    int64_t seen = row(i)[0].load(std::memory_order_relaxed);
    const int64_t space = row(i)[1].load(std::memory_order_relaxed);
    // Of two that clear the same row one fails. A process that takes the row in between and has the number and the
    // start of the one that ended cannot be.
    if (seen != 0 && !is_alive(ProcessIdentity{seen, space}))
      row(i)[0].compare_exchange_strong(seen, 0, std::memory_order_relaxed);
  }
  for (size_t i = 0; i < machine::kOwnerRows; ++i) {
    int64_t free = 0;
    if (!row(i)[0].compare_exchange_strong(free, self.process, std::memory_order_relaxed)) continue;
    row(i)[1].store(self.space, std::memory_order_relaxed);
    return static_cast<int>(i);
  }
  return kNoOwnerRow;
}

// Gives back the row that `enter_owner` gave to `self`, unless another has cleared it.
template <class W>
void leave_owner(W* header, int row, const ProcessIdentity& self) {
  W* const words = header + machine::kOwners + static_cast<size_t>(row) * machine::kOwnerRowWords;
  int64_t own = self.process;
  // order: relaxed. A row publishes nothing but itself.
  words[0].compare_exchange_strong(own, 0, std::memory_order_relaxed);
}

}  // namespace amorsize::core
