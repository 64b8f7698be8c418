// A circuit breaker as one thread holds it.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <vector>

#include "binding/environment.h"
#include "binding/named_cells.h"
#include "core/circuit_breaker.h"
#include "os/clock.h"

namespace amorsize::binding {

struct BreakerHandle {
  core::CircuitBreaker<> breaker;
  os::FastClock clock;
  Environment* environment;
  uint32_t number = 0;
  napi_ref view = nullptr;  // keeps the SharedArrayBuffer alive: the address of a collected one is soon reused
  NamedCells named = {};
  int functions = 0;  // bound calls that are not collected yet
  int hot_call = -1;  // index of its trampolines in hot_calls.h, or -1
  // `control` of the closed state that JavaScript knows of; 0: of none. The bound calls are for calls admitted then.
  int64_t seen_closed = 0;
  // Probes of this thread that are under way: given back when it ends.
  std::vector<core::Permit> probes = {};

  bool may_enter() const { return breaker.control() == seen_closed; }
  bool success_is_free() const { return breaker.success_is_free(core::CircuitBreaker<>::generation_of(seen_closed)); }

  // Counts a success of that state. False when the state is over, or was ended by this.
  bool succeed();
};

}  // namespace amorsize::binding
