// Glue for callers that wait for a key: what src/rate-limit/waiting-line.ts asks of its bucket.
#include <node_api.h>

#include <limits>

#include "binding/bindings.h"
#include "binding/keyed_call.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/keyed_table.h"

namespace amorsize::binding {
namespace {

using core::Outcome;

// What a survey writes for JavaScript; src/memory/keyed/native.ts has the same.
enum SurveyField : size_t {
  kGeneration,
  kDigits,
  kProduced,
  kSpent,
  kBurst,
  kRoomMs,
  kRate,
  kBurstTokens,
  kSurveyFields
};

// keyedSurvey(number, key, nowMs, base, out): writes what is so at this moment; places are relative to `base`
napi_value survey(napi_env env, napi_callback_info info) {
  KeyedCall<5> call(env, info);
  int64_t base = 0;
  if (!call.ready || !call.whole(env, 3, &base)) return nullptr;
  double* out = doubles_of(env, call.values[4], kSurveyFields);
  if (out == nullptr) return nullptr;
  const core::KeyedTerms& terms = call.handle->table.terms();
  const core::KeyedSurvey seen = call.handle->table.survey(call.now_ns, call.hash);
  out[kGeneration] = static_cast<double>(seen.generation);
  out[kDigits] = terms.scale.digits;
  out[kProduced] = static_cast<double>(seen.produced - base);
  out[kSpent] = static_cast<double>(seen.spent - base);
  out[kBurst] = static_cast<double>(terms.burst);
  out[kRoomMs] = ms_from_wait(seen.room_ns);
  out[kRate] = terms.asked.rate;
  out[kBurstTokens] = terms.asked.burst;
  return nullptr;
}

// keyedReserveRun(number, key, nowMs, base, generation, units, reach, limit): where the run begins, or NaN
napi_value reserve_run(napi_env env, napi_callback_info info) {
  KeyedCall<8> call(env, info);
  int64_t base = 0;
  int64_t generation = 0;
  int64_t units = 0;
  int64_t reach = 0;
  int64_t limit = 0;
  if (!call.ready || !call.whole(env, 3, &base) || !call.whole(env, 4, &generation) || !call.whole(env, 5, &units) ||
      !call.whole(env, 6, &reach) || !call.whole(env, 7, &limit))
    return nullptr;
  if (units <= 0 || reach < 0) return throw_range(env, "keyed: a run has units, and reaches back");
  const core::Run run = call.handle->table.reserve_run(call.now_ns, call.hash, generation, units, reach, base + limit);
  return make_double(env, run.outcome == Outcome::kGranted ? static_cast<double>(run.start - base)
                                                           : std::numeric_limits<double>::quiet_NaN());
}

// keyedReturnRun(number, key, nowMs, base, generation, end, units): whether it was given back
napi_value return_run(napi_env env, napi_callback_info info) {
  KeyedCall<7> call(env, info);
  int64_t base = 0;
  int64_t generation = 0;
  int64_t end = 0;
  int64_t units = 0;
  if (!call.ready || !call.whole(env, 3, &base) || !call.whole(env, 4, &generation) || !call.whole(env, 5, &end) ||
      !call.whole(env, 6, &units))
    return nullptr;
  if (units <= 0) return throw_range(env, "keyed: a run has units");
  return make_bool(env, call.handle->table.return_run(call.now_ns, call.hash, generation, base + end, units));
}

// keyedMsUntil(number, any key, nowMs, base, place): ms until the axis has come there
napi_value ms_until(napi_env env, napi_callback_info info) {
  KeyedCall<5> call(env, info);
  int64_t base = 0;
  int64_t place = 0;
  if (!call.ready || !call.whole(env, 3, &base) || !call.whole(env, 4, &place)) return nullptr;
  return make_double(env, ms_from_wait(call.handle->table.time_until(call.now_ns, base + place)));
}

}  // namespace

bool register_keyed_waiting(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"keyedSurvey", survey},
      {"keyedReserveRun", reserve_run},
      {"keyedReturnRun", return_run},
      {"keyedMsUntil", ms_until},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
