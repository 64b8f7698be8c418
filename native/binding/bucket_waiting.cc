// Glue for callers that wait for a token bucket: runs of its axis, and the rows by which queues know of each other.
#include <node_api.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/process_host.h"
#include "binding/waiting_calls.h"
#include "core/waiters.h"
#include "os/process_identity.h"

namespace amorsize::binding {
namespace {

// (number, nowMs, ...): the axis of a bucket, whose places count from where its generation began
template <size_t N>
class BucketAxis : public Call<BucketHandle, N + 2> {
 public:
  static constexpr size_t kFirst = 2;

  BucketAxis(napi_env env, napi_callback_info info) : Call<BucketHandle, N + 2>(env, info) {
    now_ = this->ok ? this->now_ns(1) : 0;
  }

  core::Survey survey() { return this->handle->bucket.survey(now_); }

  core::Run reserve_run(int64_t generation, int64_t units, int64_t reach, int64_t limit) {
    return this->handle->bucket.reserve_run(now_, generation, units, reach, limit);
  }

  bool return_run(int64_t generation, int64_t end, int64_t units) {
    return this->handle->bucket.return_run(now_, generation, end, units);
  }

  int64_t time_until(int64_t generation, int64_t place) const {
    return this->handle->bucket.time_until(now_, generation, place);
  }

 private:
  int64_t now_ = 0;
};

// Doubles of what is told of other rows; src/memory/bucket/native.ts has the same.
enum OthersField : size_t { kFirst, kWaiting, kIsAnyLate, kHeldUnits, kOthersFields };

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
  if (!(is_of_machine(handle) || os::kThreadsAreProcesses) || !handle->waiters) return;
  handle->waiters.bury_dead(handle->bucket, os::own_process(), now_ns, rows_of(handle), os::is_alive);
}

// bucketBeginLook(number): what is held from now on is not given back if the thread dies, until the next bucketPublish
napi_value begin_look(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 1> call(env, info);
  if (call.ok && call.handle->row != core::kNoRow) call.handle->waiters.begin_look(call.handle->row);
  return nullptr;
}

// bucketInitializeWaiters(view): writes rows in which nobody waits into zeroed cells
napi_value initialize_waiters(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, BucketHandle::kSubject);
  core::Word* const words = args.cells(0, 1 + core::waiters::kProcessRows);
  if (args.ok) core::Waiters<>(words).initialize(core::waiters::kProcessRows);
  return nullptr;
}

// bucketAttachWaiters(number, view): the rows of a bucket without a name
napi_value attach(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 2> call(env, info);
  core::Word* const words = call.cells(1, 1 + core::waiters::kProcessRows);
  if (!call.ok) return nullptr;
  if (!core::is_of_kind(words, core::Kind::kWaiters))
    return throw_type(env, "bucket: these cells hold no rows of waiting callers");
  if (call.handle->waiters || call.handle->named.words != nullptr) return nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, call.values[1], 1, &call.handle->waiters_view));
  call.handle->waiters = core::Waiters<>(words);
  return nullptr;
}

// bucketArrive(number, tokens): the caller's place in the order of arrival, or -1 where there is none
napi_value arrive(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 2> call(env, info);
  const double tokens = call.number(1, rules::kTokens);
  if (!call.ok) return nullptr;
  core::Waiters<>& waiters = waiters_of(call.handle);
  if (!waiters) return make_double(env, -1);
  const int64_t thousandths = thousandths_of(tokens);
  if (call.handle->row != core::kNoRow) waiters.add_waiting(call.handle->row, thousandths);
  return make_double(env, static_cast<double>(waiters.arrive(thousandths)));
}

// bucketOthers(number, place, nowMs, out): writes how many tokens before `place` the first caller of another row came
// (negative; after it: positive; nobody: Infinity), what they wait for, whether one of them is late, and
// the units they hold.
napi_value others(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 4> call(env, info);
  const int64_t place = call.whole(1, rules::kTold);
  const int64_t now_ns = call.now_ns(2);
  double* const out = call.doubles(3, kOthersFields);
  if (!call.ok) return nullptr;
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
  Call<BucketHandle, 8> call(env, info);
  core::WaiterRow told;
  told.next = call.whole(1, rules::kTold);
  const double waiting = call.number(2, rules::kAmount);
  const double look_in_ms = call.number(3, rules::kAmount);
  told.generation = call.whole(4, rules::kGeneration);
  told.held_end = call.whole(5, rules::kTold);
  told.held_size = call.whole(6, rules::kTold);
  const int64_t now_ns = call.now_ns(7);
  if (!call.ok) return nullptr;
  BucketHandle* const handle = call.handle;
  if (!handle->waiters) return nullptr;
  if (handle->row == core::kNoRow) handle->row = handle->waiters.claim(os::own_process(), rows_of(handle));
  if (handle->row == core::kNoRow) return nullptr;  // as many wait as there are rows
  if (told.next < 0) told.next = core::waiters::kNobody;
  told.waiting = waiting > 0 ? thousandths_of(waiting) : 0;
  told.look_at_ns = now_ns + ns_from_ms(std::max(look_in_ms, 0.0));
  handle->waiters.publish(handle->row, told);
  return nullptr;
}

// bucketLeave(number): nobody waits here any more
napi_value leave(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 1> call(env, info);
  if (!call.ok || call.handle->row == core::kNoRow) return nullptr;
  call.handle->waiters.leave(call.handle->row);
  call.handle->row = core::kNoRow;
  return nullptr;
}

// bucketBuryDead(number, nowMs): gives back what processes that have ended held
napi_value bury(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 2> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  if (call.ok) bury_dead(call.handle, now_ns);
  return nullptr;
}

}  // namespace

void leave_waiters(BucketHandle* handle) {
  if (handle->row != core::kNoRow) handle->waiters.bury(handle->row, handle->bucket, handle->clock.now_ns());
  handle->row = core::kNoRow;
  handle->waiters = {};
}

bool register_bucket_waiting(napi_env env, napi_value exports) {
  using Calls = WaitingCalls<BucketAxis>;
  constexpr NamedFunction kFunctions[] = {
      {"bucketSurvey", Calls::survey},
      {"bucketReserveRun", Calls::reserve_run},
      {"bucketReturnRun", Calls::return_run},
      {"bucketMsUntil", Calls::ms_until},
      {"bucketInitializeWaiters", initialize_waiters},
      {"bucketAttachWaiters", attach},
      {"bucketArrive", arrive},
      {"bucketOthers", others},
      {"bucketPublish", publish},
      {"bucketLeave", leave},
      {"bucketBuryDead", bury},
      {"bucketBeginLook", begin_look},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
