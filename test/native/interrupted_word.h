// A word whose thread can be held up: right before one of its accesses something else happens to the same words. So a
// race that threads meet by chance is met for sure, at each step of an operation.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace amorsize::test {

class InterruptedWord {
 public:
  // Runs `operation`, and `other` before its access number `step`, from 0 on; after all of it if there are not so many.
  // Returns whether there are.
  static bool run(int64_t step, const std::function<void()>& operation, const std::function<void()>& other) {
    left_ = step;
    other_ = &other;
    operation();
    const bool has_come_in = other_ == nullptr;
    other_ = nullptr;
    if (!has_come_in) other();
    return has_come_in;
  }

  int64_t load(std::memory_order = {}) const { return come_in().value_; }
  void store(int64_t value, std::memory_order = {}) {
    come_in();
    value_ = value;
  }
  bool compare_exchange_strong(int64_t& expected, int64_t value, std::memory_order, std::memory_order) {
    come_in();
    const bool is_same = value_ == expected;
    (is_same ? value_ : expected) = is_same ? value : value_;
    return is_same;
  }
  bool compare_exchange_weak(int64_t& expected, int64_t value, std::memory_order one, std::memory_order other) {
    return compare_exchange_strong(expected, value, one, other);
  }

 private:
  const InterruptedWord& come_in() const {
    if (other_ != nullptr && left_-- == 0) {
      const std::function<void()>& other = *other_;
      other_ = nullptr;
      other();
    }
    return *this;
  }

  int64_t value_ = 0;
  static inline int64_t left_ = 0;
  static inline const std::function<void()>* other_ = nullptr;
};

}  // namespace amorsize::test
