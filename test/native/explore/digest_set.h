// The states that have been seen: millions of digests, looked up far more often than anything else is done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace amorsize::test {

class DigestSet {
 public:
  using Value = std::pair<uint64_t, uint64_t>;

  // False if it was there.
  bool insert(const Value& digest) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    if (!put(digest)) return false;
    ++count_;
    return true;
  }

  size_t size() const { return count_; }
  void clear() {
    slots_.clear();
    count_ = 0;
  }

 private:
  // No digest is that, but for one in 2^128.
  static constexpr Value kEmpty{0, 0};

  bool put(const Value& digest) {
    for (size_t i = digest.first;; ++i) {
      Value& slot = slots_[i & (slots_.size() - 1)];
      if (slot == digest) return false;
      if (slot != kEmpty) continue;
      slot = digest;
      return true;
    }
  }

  void grow() {
    std::vector<Value> old = std::exchange(slots_, {});
    slots_.resize(old.empty() ? 1024 : 4 * old.size(), kEmpty);
    for (const Value& digest : old) {
      if (digest != kEmpty) put(digest);
    }
  }

  std::vector<Value> slots_;  // a power of two
  size_t count_ = 0;
};

}  // namespace amorsize::test
