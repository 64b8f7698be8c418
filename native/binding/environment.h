// What the addon keeps for one environment (one thread that runs JavaScript).
#pragma once

#include <node_api.h>

#include <cstdint>
#include <vector>

#include "binding/number_cell.h"
#include "os/clock.h"

namespace amorsize::binding {

// Things JavaScript refers to by number: a number that is stale or made up finds nothing, where a pointer would dangle.
template <class T>
class NumberTable {
 public:
  uint32_t add(T* item) {
    if (free_.empty()) {
      items_.push_back(item);
      return static_cast<uint32_t>(items_.size() - 1);
    }
    const uint32_t number = free_.back();
    free_.pop_back();
    items_[number] = item;
    return number;
  }

  void remove(uint32_t number) {
    items_[number] = nullptr;
    free_.push_back(number);
  }

  // nullptr when nothing has that number.
  T* find(double number) const {
    if (!(number >= 0 && number < static_cast<double>(items_.size()))) return nullptr;
    const auto index = static_cast<size_t>(number);
    return static_cast<double>(index) == number ? items_[index] : nullptr;
  }

 private:
  std::vector<T*> items_;
  std::vector<uint32_t> free_;
};

struct Handle;

// Deleted when the thread has ended and the last handle is gone, in whichever order that happens. Counted by hand: the
// standard library's shared pointers would tie the addon to a glibc newer than Node's.
struct Environment {
  NumberTable<Handle> handles;
  os::FastClock clock;
  NumberCell time;    // where `clockRead` puts the time
  NumberCell tokens;  // how many the next bound call of a bucket takes

  void retain() { ++holders_; }
  void release() {
    if (--holders_ == 0) delete this;
  }

  static Environment* of(napi_env env) {
    void* data = nullptr;
    return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Environment*>(data) : nullptr;
  }

 private:
  ~Environment() = default;

  size_t holders_ = 1;  // the thread itself
};

}  // namespace amorsize::binding
