// What a keyed table promises, one operation after the other; and the words of a table under the explorer, with faults
// to plant.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/keyed_table.h"
#include "explore/memories.h"
#include "explore/model_word.h"

namespace amorsize::test {

inline constexpr int kKeys = 4;

struct KeyedOperation {
  enum Kind { kAcquire, kCharge, kReset, kAvailable, kRun, kReturn, kRefund } kind;
  int key;
  double tokens = 1;  // kReturn: 0 says that nothing is reserved any more
  int end = 0;        // of a run that is returned: tokens of the key taken by its end
};

struct KeyedResult {
  core::Outcome outcome = core::Outcome::kGranted;
  double available = 0;
  bool operator==(const KeyedResult&) const = default;
};

// Time stands still, so a bucket is what has been taken from it; one token a second, in whole tokens. Whatever is given
// back, no less stays taken than callers may have reserved: else their tokens would be granted once more.
class KeyedModel {
 public:
  KeyedModel(int slots, int burst, bool evicts) : slots_(slots), burst_(burst), evicts_(evicts) {}

  // Every way in which the table may go on.
  std::vector<std::pair<KeyedModel, KeyedResult>> apply(const KeyedOperation& operation) const {
    std::vector<std::pair<KeyedModel, KeyedResult>> ways;
    // A table that evicts may forget any key whenever more are in use than it has slots for, and a claimer that lost
    // its slot again has to take another one. So there it is denials that must have a reason.
    const int may_forget = evicts_ ? 1 << kKeys : 1;
    for (int forgotten = 0; forgotten < may_forget; ++forgotten) {
      KeyedModel next = *this;
      if (!next.owes_all(forgotten)) continue;
      for (int key = 0; key < kKeys; ++key) {
        if ((forgotten >> key & 1) != 0)
          next.taken_[static_cast<size_t>(key)] = next.reserved_[static_cast<size_t>(key)] = 0;
      }
      // Where reservations end is known to a part of the burst: more may stay taken than need be.
      const auto key = static_cast<size_t>(operation.key);
      const int most = next.reserved_[key] > 0 ? next.taken_[key] : 0;
      for (int reserved = next.reserved_[key]; reserved <= std::max(most, next.reserved_[key]); ++reserved) {
        KeyedModel after = next;
        const KeyedResult result = after.go(operation, reserved);
        const std::pair way{after, result};
        if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
      }
    }
    return ways;
  }

  bool operator==(const KeyedModel&) const = default;

  uint64_t hash() const {
    uint64_t h = 0;
    for (const int taken : taken_) h = h * 31 + static_cast<uint64_t>(taken);
    for (const int reserved : reserved_) h = h * 31 + static_cast<uint64_t>(reserved);
    return h;
  }

 private:
  // Whether each of the keys in the set has something to be forgotten.
  bool owes_all(int keys) const {
    for (int key = 0; key < kKeys; ++key) {
      if ((keys >> key & 1) != 0 && taken_[static_cast<size_t>(key)] == 0) return false;
    }
    return true;
  }

  // `kept`: what stays taken of a key whatever is given back.
  KeyedResult go(const KeyedOperation& operation, int kept) {
    int& taken = taken_[static_cast<size_t>(operation.key)];
    int& reserved = reserved_[static_cast<size_t>(operation.key)];
    const auto cost = static_cast<int>(operation.tokens);
    const bool has_room =
        taken > 0 || evicts_ || std::count_if(taken_.begin(), taken_.end(), [](int t) { return t > 0; }) < slots_;
    switch (operation.kind) {
      case KeyedOperation::kAcquire:
        if (!has_room) return {core::Outcome::kBusy};
        if (taken + cost > burst_) return {core::Outcome::kDenied};
        taken += cost;
        return {};
      case KeyedOperation::kCharge:
      case KeyedOperation::kRun:
        if (!has_room) return {core::Outcome::kBusy};
        taken += cost;
        if (operation.kind == KeyedOperation::kRun) reserved = taken;
        return {};
      case KeyedOperation::kReturn:
        if (taken != operation.end) return {core::Outcome::kDenied};
        taken -= cost;
        reserved = cost == 0 ? 0 : std::min(reserved, taken);
        return {};
      case KeyedOperation::kRefund: {
        const int before = taken;
        taken = std::min(taken, std::max(taken - cost, kept));
        return {core::Outcome::kGranted, static_cast<double>(before - taken)};
      }
      case KeyedOperation::kReset:
        taken = std::min(taken, kept);
        return {};
      case KeyedOperation::kAvailable:
        return {core::Outcome::kGranted, has_room ? std::max(burst_ - taken, 0) * 1.0 : 0.0};
    }
    return {};
  }

  int slots_;
  int burst_;
  bool evicts_;
  std::array<int, kKeys> taken_{};
  std::array<int, kKeys> reserved_{};
};

// Faults planted on purpose: what the explorer must find.
enum class KeyedFault {
  kNone,
  kBlindClaim,    // a claim does not look whether another was announced since
  kNoGeneration,  // a decision does not look whether the slot has changed hands
  kSplitSwap,     // the swap of a level is a load and, later, a store
  kBlindRename,   // a helper renames whatever it finds
  kUnmarkedRun,   // a level does not say that callers have reserved
};

template <KeyedFault kFault>
class KeyedWord {
 public:
  int64_t load(std::memory_order order) const {
    return processor.issue({Request::Kind::kLoad, index(), false, order, order, 0, 0, ~int64_t{0}}).value;
  }
  void store(int64_t value, std::memory_order order) {
    processor.issue({Request::Kind::kStore, index(), false, order, order, value, 0, 0});
  }

  bool compare_exchange_strong(int64_t& expected, int64_t value, std::memory_order success, std::memory_order failure) {
    if (kFault == KeyedFault::kSplitSwap && is_slot_word(core::keyed::kLevel)) {
      const int64_t found = load(failure);
      if (found != expected) return false;
      store(value, success);
      return true;
    }
    if (kFault == KeyedFault::kUnmarkedRun && is_slot_word(core::keyed::kLevel) && value >> 62 != -2)
      value &= ~(int64_t{3} << 8);
    int64_t mask = ~int64_t{0};
    if (kFault == KeyedFault::kBlindClaim && index() == core::keyed::kFirstGroup &&
        (value & core::keyed::kClaimPending) != 0)
      mask = 0;
    if (kFault == KeyedFault::kNoGeneration && is_slot_word(core::keyed::kLevel)) mask = ~int64_t{255};
    if (kFault == KeyedFault::kBlindRename && is_slot_word(core::keyed::kIdentity)) mask = 0;
    const Answer answer =
        processor.issue({Request::Kind::kSwap, index(), false, success, failure, value, expected, mask});
    if (!answer.swapped) expected = answer.value;
    return answer.swapped;
  }

  // Of a count from which nothing follows: to have it would only multiply the states.
  int64_t fetch_add(int64_t, std::memory_order) { return 0; }

  static KeyedWord* cells() { return words_; }

 private:
  uint8_t index() const { return static_cast<uint8_t>(this - words_); }
  bool is_slot_word(size_t word) const {
    constexpr size_t kFirst = core::keyed::kFirstGroup + core::keyed::kFirstSlot;
    return index() >= kFirst && (index() - kFirst) % core::keyed::kWordsPerSlot == word;
  }

  static inline KeyedWord words_[kWords];
};

}  // namespace amorsize::test
