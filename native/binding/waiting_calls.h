// What a line of waiting callers (src/rate-limit/waiting/waiting-line.ts) asks of the axis it waits on. A bucket has
// one, and so has each key of a table: `Axis` is a call that names it, with what it can do.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <limits>

#include "binding/call.h"
#include "core/token_bucket.h"

namespace amorsize::binding {

// Doubles of what a survey tells; src/memory/shared/axis.ts has the same.
enum SurveyField : size_t {
  kGeneration,
  kDigits,
  kProduced,
  kSpent,
  kBurst,
  kPausedMs,
  kRate,
  kBurstTokens,
  kBaseHigh,
  kBaseLow,
  kSurveyFields
};

// `Axis<N>`: a call with N arguments more, of which the first is at `kFirst`. Places are told from its base.
template <template <size_t> class Axis>
struct WaitingCalls {
  // (…, out): writes what is so at this moment
  static napi_value survey(napi_env env, napi_callback_info info) {
    Axis<1> call(env, info);
    double* const out = call.doubles(call.kFirst, kSurveyFields);
    if (!call.ok) return nullptr;
    const core::Survey seen = call.survey();
    out[kGeneration] = static_cast<double>(seen.generation);
    out[kDigits] = seen.digits;
    out[kProduced] = static_cast<double>(seen.produced);
    out[kSpent] = static_cast<double>(seen.spent);
    out[kBurst] = static_cast<double>(seen.burst);
    out[kPausedMs] = ms_from_wait(seen.paused_ns);
    out[kRate] = seen.rate;
    out[kBurstTokens] = seen.burst_tokens;
    out[kBaseHigh] = static_cast<double>(seen.base >> 32);
    out[kBaseLow] = static_cast<double>(seen.base & 0xFFFF'FFFF);
    return nullptr;
  }

  // (…, generation, units, reach, limit): where the run begins, or NaN
  static napi_value reserve_run(napi_env env, napi_callback_info info) {
    Axis<4> call(env, info);
    const int64_t generation = call.whole(call.kFirst, rules::kGeneration);
    const int64_t units = call.whole(call.kFirst + 1, rules::kUnits);
    const int64_t reach = call.whole(call.kFirst + 2, rules::kReach);
    const int64_t limit = call.whole(call.kFirst + 3, rules::kPlace);
    if (!call.ok) return nullptr;
    const core::Run run = call.reserve_run(generation, units, reach, limit);
    return make_double(env, run.outcome == core::Outcome::kGranted ? static_cast<double>(run.start) : kNowhere);
  }

  // (…, generation, end, units): whether it was given back
  static napi_value return_run(napi_env env, napi_callback_info info) {
    Axis<3> call(env, info);
    const int64_t generation = call.whole(call.kFirst, rules::kGeneration);
    const int64_t end = call.whole(call.kFirst + 1, rules::kPlace);
    const int64_t units = call.whole(call.kFirst + 2, rules::kUnitsOrNone);
    return call.ok ? make_bool(env, call.return_run(generation, end, units)) : nullptr;
  }

  // (…, generation, place): ms until the axis has come there; NaN when the generation is over
  static napi_value ms_until(napi_env env, napi_callback_info info) {
    Axis<2> call(env, info);
    const int64_t generation = call.whole(call.kFirst, rules::kGeneration);
    const int64_t place = call.whole(call.kFirst + 1, rules::kPlace);
    if (!call.ok) return nullptr;
    const int64_t wait_ns = call.time_until(generation, place);
    return make_double(env, wait_ns == core::TokenBucket<>::kStale ? kNowhere : ms_from_wait(wait_ns));
  }

 private:
  static constexpr double kNowhere = std::numeric_limits<double>::quiet_NaN();
};

}  // namespace amorsize::binding
