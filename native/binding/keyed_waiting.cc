// Glue for callers that wait for a key.
#include <node_api.h>

#include "binding/bindings.h"
#include "binding/keyed_handle.h"
#include "binding/waiting_calls.h"

namespace amorsize::binding {
namespace {

// (number, key, nowMs, base, ...): the axis of a key. It is longer than doubles are exact, so its places are told from
// a base.
template <size_t N>
class KeyAxis : public KeyCall<KeyedHandle, N + 4> {
 public:
  static constexpr size_t kFirst = 4;

  KeyAxis(napi_env env, napi_callback_info info) : KeyCall<KeyedHandle, N + 4>(env, info) {
    base_ = this->whole(3, rules::kBase);
  }

  core::Survey survey() {
    const core::KeyedTerms& terms = this->handle->table.terms();
    const core::KeyedSurvey seen = this->handle->table.survey(this->now, this->hash);
    return {.generation = seen.generation,
            .base = base_,
            .digits = terms.scale.digits,
            .produced = seen.produced - base_,
            .spent = seen.spent - base_,
            .burst = terms.burst,
            .paused_ns = seen.room_ns,
            .rate = terms.asked.rate,
            .burst_tokens = terms.asked.burst};
  }

  core::Run reserve_run(int64_t generation, int64_t units, int64_t reach, int64_t limit) {
    core::Run run = this->handle->table.reserve_run(this->now, this->hash, generation, units, reach, base_ + limit);
    run.start -= base_;
    return run;
  }

  bool return_run(int64_t generation, int64_t end, int64_t units) {
    return this->handle->table.return_run(this->now, this->hash, generation, base_ + end, units);
  }

  int64_t time_until(int64_t, int64_t place) const { return this->handle->table.time_until(this->now, base_ + place); }

 private:
  int64_t base_ = 0;
};

}  // namespace

bool register_keyed_waiting(napi_env env, napi_value exports) {
  using Calls = WaitingCalls<KeyAxis>;
  constexpr NamedFunction kFunctions[] = {
      {"keyedSurvey", Calls::survey},
      {"keyedReserveRun", Calls::reserve_run},
      {"keyedReturnRun", Calls::return_run},
      {"keyedMsUntil", Calls::ms_until},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
