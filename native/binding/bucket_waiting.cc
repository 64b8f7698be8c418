// Glue for callers that wait for a token bucket: runs of its axis, and the rows by which queues know of each other.
#include <node_api.h>

#include <cmath>
#include <limits>

#include "binding/bindings.h"
#include "binding/bucket_call.h"
#include "binding/process_host.h"
#include "core/waiters.h"
#include "os/process_identity.h"

namespace amorsize::binding {
namespace {

using core::Outcome;

// Doubles of what a survey tells; src/memory/bucket/native.ts has the same.
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
enum OthersField : size_t { kFirst, kWaiting, kIsAnyLate, kHeldUnits, kOthersFields };

// Places in the order of arrival as doubles tell them apart: modulo 2^52.
constexpr int kPlaceBits = 52;
int64_t place_of(int64_t arrival) {
  return static_cast<int64_t>(static_cast<uint64_t>(arrival) & ((uint64_t{1} << kPlaceBits) - 1));
}

int64_t thousandths_of(double tokens) {
  const double count = std::ceil(tokens * core::waiters::kPerToken);
  return static_cast<int64_t>(std::min(std::max(count, 1.0), 0x1p50));
}
double tokens_of(int64_t thousandths) { return static_cast<double>(thousandths) / core::waiters::kPerToken; }

bool is_of_machine(const BucketHandle* handle) { return handle->named.mapping != nullptr; }

size_t rows_of(const BucketHandle* handle) {
  return is_of_machine(handle) ? core::waiters::kMachineRows : core::waiters::kProcessRows;
}

// The block of a bucket that has a name is found by whoever waits first.
core::Waiters<>& waiters_of(BucketHandle* handle) {
  if (!handle->waiters && handle->named.words != nullptr && !is_of_machine(handle)) {
    const auto initialize = [](core::Word* words, void*) {
      core::Waiters<>(words).initialize(core::waiters::kProcessRows);
    };
    core::Word* const words =
        process_host().cells(static_cast<int64_t>(core::Kind::kWaiters), handle->name.data(), handle->name.size(),
                             1 + core::waiters::kProcessRows, initialize, nullptr);
    // Without memory for it the queue keeps its own order.
    if (words != nullptr) handle->waiters = core::Waiters<>(words);
  }
  return handle->waiters;
}

void bury_dead(BucketHandle* handle, int64_t now_ns) {
  if (!is_of_machine(handle) || !handle->waiters) return;
  handle->waiters.bury_dead(handle->bucket, os::own_process(), now_ns, rows_of(handle), os::is_alive);
}

// bucketSurvey(number, nowMs, out): writes what is so at this moment
napi_value survey(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  double* out = doubles_of(env, call.values[2], kSurveyFields);
  if (out == nullptr) return nullptr;
  const core::Survey seen = call.handle->bucket.survey(now_ns);
  out[kGeneration] = static_cast<double>(seen.generation);
  out[kDigits] = seen.digits;
  out[kProduced] = static_cast<double>(seen.produced);
  out[kSpent] = static_cast<double>(seen.spent);
  out[kBurst] = static_cast<double>(seen.burst);
  out[kPausedMs] = static_cast<double>(seen.paused_ns) / kNsPerMs;
  out[kRate] = seen.rate;
  out[kBurstTokens] = seen.burst_tokens;
  out[kBaseHigh] = static_cast<double>(seen.base >> 32);
  out[kBaseLow] = static_cast<double>(seen.base & 0xFFFF'FFFF);
  return nullptr;
}

// bucketBeginLook(number): what is held from now on is not given back if the thread dies, until the next bucketPublish
napi_value begin_look(napi_env env, napi_callback_info info) {
  BucketCall<1> call(env, info);
  if (call.handle != nullptr && call.handle->row != core::kNoRow) call.handle->waiters.begin_look(call.handle->row);
  return nullptr;
}

// bucketReserveRun(number, generation, units, reach, limit, nowMs): where the run begins, or NaN
napi_value reserve_run(napi_env env, napi_callback_info info) {
  BucketCall<6> call(env, info);
  int64_t generation = 0;
  int64_t units = 0;
  int64_t reach = 0;
  int64_t limit = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.whole(env, 1, &generation) || !call.whole(env, 2, &units) ||
      !call.whole(env, 3, &reach) || !call.whole(env, 4, &limit) || !call.now_ns(env, 5, &now_ns))
    return nullptr;
  if (units <= 0 || reach < 0) return throw_range(env, "bucket: a run has units, and reaches back");
  const core::Run run = call.handle->bucket.reserve_run(now_ns, generation, units, reach, limit);
  return make_double(env, run.outcome == Outcome::kGranted ? static_cast<double>(run.start)
                                                           : std::numeric_limits<double>::quiet_NaN());
}

// bucketReturnRun(number, generation, end, units, nowMs): whether it was given back
napi_value return_run(napi_env env, napi_callback_info info) {
  BucketCall<5> call(env, info);
  int64_t generation = 0;
  int64_t end = 0;
  int64_t units = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.whole(env, 1, &generation) || !call.whole(env, 2, &end) ||
      !call.whole(env, 3, &units) || !call.now_ns(env, 4, &now_ns))
    return nullptr;
  if (units <= 0) return throw_range(env, "bucket: a run has units");
  return make_bool(env, call.handle->bucket.return_run(now_ns, generation, end, units));
}

// bucketMsUntil(number, generation, place, nowMs): ms until the axis has come there; NaN when the generation is over
napi_value ms_until(napi_env env, napi_callback_info info) {
  BucketCall<4> call(env, info);
  int64_t generation = 0;
  int64_t place = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.whole(env, 1, &generation) || !call.whole(env, 2, &place) ||
      !call.now_ns(env, 3, &now_ns))
    return nullptr;
  const int64_t wait_ns = call.handle->bucket.time_until(now_ns, generation, place);
  return make_double(
      env, wait_ns == core::TokenBucket<>::kStale ? std::numeric_limits<double>::quiet_NaN() : ms_from_wait(wait_ns));
}

// bucketAttachWaiters(number, view): the rows of a bucket without a name
napi_value attach(napi_env env, napi_callback_info info) {
  BucketCall<2> call(env, info);
  if (call.handle == nullptr) return nullptr;
  core::Word* words = cells_of_view(env, call.values[1], 1 + core::waiters::kProcessRows);
  // order: acquire. Pairs with the write of the kind word by whoever made the block.
  if (words == nullptr ||
      words[core::waiters::kKind].load(std::memory_order_acquire) != core::kind_word(core::Kind::kWaiters))
    return throw_type(env, "bucket: rows are a BigInt64Array of 512 on a SharedArrayBuffer, aligned to 64 bytes");
  if (call.handle->waiters || call.handle->named.words != nullptr) return nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, call.values[1], 1, &call.handle->waiters_view));
  call.handle->waiters = core::Waiters<>(words);
  return nullptr;
}

// bucketArrive(number, tokens): the caller's place in the order of arrival, or -1 where there is none
napi_value arrive(napi_env env, napi_callback_info info) {
  BucketCall<2> call(env, info);
  double tokens = 0;
  if (call.handle == nullptr || !call.tokens(env, 1, &tokens)) return nullptr;
  core::Waiters<>& waiters = waiters_of(call.handle);
  if (!waiters) return make_double(env, -1);
  const int64_t thousandths = thousandths_of(tokens);
  if (call.handle->row != core::kNoRow) waiters.add_waiting(call.handle->row, thousandths);
  return make_double(env, static_cast<double>(place_of(waiters.arrive(thousandths))));
}

// bucketOthers(number, place, nowMs, out): writes how many tokens before `place` the first caller of another row came
// (negative; after it: positive; nobody: Infinity), what they wait for, whether one of them is late, and
// the units they hold.
napi_value others(napi_env env, napi_callback_info info) {
  BucketCall<4> call(env, info);
  int64_t place = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.whole(env, 1, &place) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  double* out = doubles_of(env, call.values[3], kOthersFields);
  if (out == nullptr) return nullptr;
  core::OtherWaiters all;
  if (call.handle->waiters || call.handle->named.words != nullptr) {
    core::Waiters<>& waiters = waiters_of(call.handle);
    if (waiters) all = waiters.others(call.handle->row, now_ns, place, rows_of(call.handle));
  }
  out[kFirst] =
      all.first == std::numeric_limits<int64_t>::max() ? std::numeric_limits<double>::infinity() : tokens_of(all.first);
  out[kWaiting] = tokens_of(all.waiting);
  out[kIsAnyLate] = all.is_any_late ? 1 : 0;
  out[kHeldUnits] = static_cast<double>(all.held_units);
  return nullptr;
}

// bucketPublish(number, place, waiting, lookInMs, generation, heldEnd, heldSize, nowMs): tells the other rows; a place
// of -1: every caller has tokens
napi_value publish(napi_env env, napi_callback_info info) {
  BucketCall<8> call(env, info);
  core::WaiterRow told;
  double waiting = 0;
  double look_in_ms = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.whole(env, 1, &told.next) || !call.number(env, 2, &waiting) ||
      !call.number(env, 3, &look_in_ms) || !call.whole(env, 4, &told.generation) ||
      !call.whole(env, 5, &told.held_end) || !call.whole(env, 6, &told.held_size) || !call.now_ns(env, 7, &now_ns))
    return nullptr;
  BucketHandle* const handle = call.handle;
  if (!handle->waiters) return nullptr;
  if (handle->row == core::kNoRow) handle->row = handle->waiters.claim(os::own_process(), rows_of(handle));
  if (handle->row == core::kNoRow) return nullptr;  // as many wait as there are rows
  told.next = told.next < 0 ? core::waiters::kNobody : told.next;
  told.waiting = waiting > 0 ? thousandths_of(waiting) : 0;
  told.look_at_ns = now_ns + wait_ns_from_ms(std::max(look_in_ms, 0.0));
  handle->waiters.publish(handle->row, told);
  return nullptr;
}

// bucketLeave(number): nobody waits here any more
napi_value leave(napi_env env, napi_callback_info info) {
  BucketCall<1> call(env, info);
  if (call.handle == nullptr || call.handle->row == core::kNoRow) return nullptr;
  call.handle->waiters.leave(call.handle->row);
  call.handle->row = core::kNoRow;
  return nullptr;
}

// bucketBuryDead(number, nowMs): gives back what processes that have ended held
napi_value bury(napi_env env, napi_callback_info info) {
  BucketCall<2> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  bury_dead(call.handle, now_ns);
  return nullptr;
}

}  // namespace

void leave_waiters(BucketHandle* handle) {
  if (handle->row != core::kNoRow) handle->waiters.bury(handle->row, handle->bucket, handle->clock.now_ns());
  handle->row = core::kNoRow;
  handle->waiters = {};
}

bool register_bucket_waiting(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"bucketSurvey", survey},    {"bucketReserveRun", reserve_run}, {"bucketReturnRun", return_run},
      {"bucketMsUntil", ms_until}, {"bucketAttachWaiters", attach},   {"bucketArrive", arrive},
      {"bucketOthers", others},    {"bucketPublish", publish},        {"bucketLeave", leave},
      {"bucketBuryDead", bury},    {"bucketBeginLook", begin_look},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
