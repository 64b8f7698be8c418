// The word of the simulation (test/simulation), in which threads take turns in one: before each access others may run,
// or the thread dies. Nothing of it is in what ships.
#pragma once

#include <atomic>
#include <cstdint>

namespace amorsize::core {

extern "C" __attribute__((import_module("host"), import_name("step"))) void amorsize_step();

class SimulatedWord {
 public:
  static constexpr bool is_always_lock_free = true;

  int64_t load(std::memory_order = {}) const {
    amorsize_step();
    return value_;
  }
  void store(int64_t value, std::memory_order = {}) { exchange(value); }
  int64_t exchange(int64_t value, std::memory_order = {}) {
    const int64_t before = load();
    value_ = value;
    return before;
  }
  int64_t fetch_add(int64_t value, std::memory_order = {}) {
    const int64_t before = load();
    value_ = before + value;
    return before;
  }
  int64_t fetch_or(int64_t bits, std::memory_order = {}) {
    const int64_t before = load();
    value_ = before | bits;
    return before;
  }
  int64_t fetch_and(int64_t bits, std::memory_order = {}) {
    const int64_t before = load();
    value_ = before & bits;
    return before;
  }
  bool compare_exchange_strong(int64_t& expected, int64_t value, std::memory_order, std::memory_order) {
    const int64_t before = load();
    const bool is_same = before == expected;
    if (is_same) value_ = value;
    expected = before;
    return is_same;
  }
  bool compare_exchange_weak(int64_t& expected, int64_t value, std::memory_order one, std::memory_order other) {
    return compare_exchange_strong(expected, value, one, other);
  }

 private:
  int64_t value_ = 0;
};

}  // namespace amorsize::core
