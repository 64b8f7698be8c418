// A circuit breaker as one thread holds it.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <vector>

#include "binding/handle.h"
#include "core/circuit_breaker.h"

namespace amorsize::binding {

struct BreakerHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kCircuitBreaker;
  static constexpr const char* kSubject = "breaker";

  core::CircuitBreaker<> breaker;
  int hot_call = -1;  // index of its trampolines in hot_calls.h, or -1
  // `control` of the state that admits every call and that JavaScript knows of; 0: of none. The bound calls are for
  // calls admitted then.
  int64_t seen_passing = 0;
  // Probes of this thread that are under way: given back when it ends.
  std::vector<core::Permit> probes = {};

  bool may_enter() const { return breaker.control() == seen_passing; }
  bool success_is_free() const { return breaker.success_is_free(core::CircuitBreaker<>::generation_of(seen_passing)); }

  // Whether the process of a row of the machine has ended. Asked of the system once a millisecond at most, for it takes
  // some microseconds.
  bool is_gone(int64_t row) {
    if (row == 0 || named.mapping == nullptr || row == os::machine_row(*named.mapping)) return false;
    const int64_t now_ns = clock.now_ns();
    if (row == alive_row && now_ns - asked_ns < kAskedNs) return false;
    alive_row = row;
    asked_ns = now_ns;
    return os::is_machine_row_gone(*named.mapping, row);
  }
  static constexpr int64_t kAskedNs = 1'000'000;
  int64_t alive_row = 0;
  int64_t asked_ns = 0;

  // Counts a success of that state. False when the state is over, or was ended by this.
  bool succeed();

  // Gives back its trampolines and its probes.
  void leave(napi_env env);
};

}  // namespace amorsize::binding
