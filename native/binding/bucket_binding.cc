// Glue for the token bucket. A decision on the system's clock is one call without arguments, bound to its bucket;
// everything else names its bucket by number.
#include <node_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/call.h"
#include "core/token_bucket.h"
#include "core/waiters.h"
#include "os/yield.h"

namespace amorsize::binding {
namespace {

using core::Outcome;
using core::Ticket;

// Doubles of the array in which tickets travel; src/memory/bucket/native.ts has the same.
enum TicketField : size_t { kPositionHigh, kPositionLow, kDigits, kGeneration, kWaitMs, kTicketFields };

constexpr double kTwo32 = 4294967296.0;

bool is_whole(double value, double limit) { return value >= -limit && value <= limit && std::floor(value) == value; }

// The ticket in argument `index` and where it lies; nullptr when it is not what `write_ticket` wrote.
template <size_t N>
double* read_ticket(Call<BucketHandle, N>& call, size_t index, Ticket* ticket) {
  double* const fields = call.doubles(index, kTicketFields);
  if (fields == nullptr) return nullptr;
  const bool is_ticket = is_whole(fields[kPositionHigh], 0x1p31) && is_whole(fields[kPositionLow], kTwo32) &&
                         is_whole(fields[kDigits], core::kMaxDigits) && is_whole(fields[kGeneration], 0x1p53);
  if (!is_ticket) {
    call.out_of_range("this is no ticket");
    return nullptr;
  }
  const auto high = static_cast<int64_t>(fields[kPositionHigh]);
  *ticket = {static_cast<int64_t>(static_cast<uint64_t>(high) << 32) + static_cast<int64_t>(fields[kPositionLow]),
             static_cast<int64_t>(fields[kGeneration]), static_cast<int>(fields[kDigits])};
  return fields;
}

void write_ticket(const Ticket& ticket, int64_t wait_ns, double* fields) {
  fields[kPositionHigh] = static_cast<double>(ticket.position >> 32);
  fields[kPositionLow] = static_cast<double>(ticket.position & 0xFFFF'FFFF);
  fields[kDigits] = ticket.digits;
  fields[kGeneration] = static_cast<double>(ticket.generation);
  fields[kWaitMs] = ms_from_wait(wait_ns);
}

napi_value make_outcome(napi_env env, Outcome outcome) { return make_double(env, static_cast<double>(outcome)); }

// Repeats a change of parameters while another thread makes one. That takes well under a microsecond unless its process
// was stopped in the middle; then its claim lapses after the lease, within these attempts.
template <class Now, class Change>
Outcome persistently(Now now_ns, Change change) {
  const int64_t deadline = os::monotonic_ns() + 2 * core::TokenBucket<>::kClaimLeaseNs;
  for (;;) {
    const Outcome outcome = change(now_ns());
    if (outcome != Outcome::kBusy || os::monotonic_ns() > deadline) return outcome;
    os::yield();
  }
}

// The same at the time that a call was given, or on its bucket's clock.
template <size_t N, class Change>
Outcome persistently(const Call<BucketHandle, N>& call, int64_t now_ns, Change change) {
  return persistently([&] { return call.has_own_clock ? call.handle->clock.now_ns() : now_ns; }, change);
}

// bucketTryAcquire(number, tokens, nowMs): outcome
napi_value try_acquire(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  const double tokens = call.number(1, rules::kTokens);
  const int64_t now_ns = call.now_ns(2);
  return call.ok ? make_outcome(env, call.handle->bucket.try_acquire(now_ns, tokens)) : nullptr;
}

// bucketReserve(number, tokens, maxWaitMs, nowMs, ticket): outcome. The ticket is written, or for a denial its wait.
napi_value reserve(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 5> call(env, info);
  const double tokens = call.number(1, rules::kTokens);
  const double max_wait_ms = call.number(2, rules::kMaxWaitMs);
  const int64_t now_ns = call.now_ns(3);
  double* const fields = call.doubles(4, kTicketFields);
  if (!call.ok) return nullptr;
  const core::Reservation result = call.handle->bucket.reserve(now_ns, tokens, wait_ns_from_ms(max_wait_ms));
  write_ticket(result.ticket, result.wait_ns, fields);
  return make_outcome(env, result.outcome);
}

// bucketRemaining(number, ticket, nowMs): ms; brings the ticket up to date.
napi_value remaining(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  Ticket ticket;
  double* const fields = read_ticket(call, 1, &ticket);
  const int64_t now_ns = call.now_ns(2);
  if (!call.ok) return nullptr;
  const int64_t wait_ns = call.handle->bucket.remaining(now_ns, &ticket);
  write_ticket(ticket, wait_ns, fields);
  return make_double(env, ms_from_wait(wait_ns));
}

// bucketCancel(number, ticket, tokens, nowMs): tokens given back
napi_value cancel(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 4> call(env, info);
  Ticket ticket;
  read_ticket(call, 1, &ticket);
  const double tokens = call.number(2, rules::kTokens);
  const int64_t now_ns = call.now_ns(3);
  return call.ok ? make_double(env, call.handle->bucket.cancel(now_ns, ticket, tokens)) : nullptr;
}

// bucketRefund(number, tokens, nowMs): tokens given back. More than a bucket can hold fills it.
napi_value refund(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  const double tokens = call.number(1, rules::kTokensOrNone);
  const int64_t now_ns = call.now_ns(2);
  if (!call.ok) return nullptr;
  double returned = 0;
  persistently(call, now_ns, [&](int64_t at_ns) {
    returned = call.handle->bucket.refund(at_ns, tokens);
    return returned == core::TokenBucket<>::kTryAgain ? Outcome::kBusy : Outcome::kGranted;
  });
  return make_double(env, std::max(returned, 0.0));
}

// bucketCharge(number, tokens, nowMs): outcome
napi_value charge(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  const double tokens = call.number(1, rules::kTokens);
  const int64_t now_ns = call.now_ns(2);
  if (!call.ok) return nullptr;
  return make_outcome(
      env, persistently(call, now_ns, [&](int64_t at_ns) { return call.handle->bucket.charge(at_ns, tokens); }));
}

// bucketAvailable(number, nowMs): tokens
napi_value available(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 2> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  return call.ok ? make_double(env, call.handle->bucket.available(now_ns)) : nullptr;
}

// bucketUpdate(number, rate, burst, nowMs): outcome. NaN keeps what is in force.
napi_value update(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 4> call(env, info);
  const double rate = call.number(1, rules::kNewRate);
  const double burst = call.number(2, rules::kNewBurst);
  const int64_t now_ns = call.now_ns(3);
  if (!call.ok) return nullptr;
  return make_outcome(
      env, persistently(call, now_ns, [&](int64_t at_ns) { return call.handle->bucket.update(at_ns, rate, burst); }));
}

// bucketPause(number, ms, nowMs): outcome
napi_value pause(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  const double ms = call.number(1, rules::kPauseMs);
  const int64_t now_ns = call.now_ns(2);
  if (!call.ok) return nullptr;
  const int64_t until_ns = now_ns + ns_from_ms(ms);
  return make_outcome(
      env, persistently(call, now_ns, [&](int64_t at_ns) { return call.handle->bucket.pause(at_ns, until_ns); }));
}

// bucketReset(number, owed, nowMs): outcome
napi_value reset(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 3> call(env, info);
  const double owed = call.number(1, rules::kTokensOrNone);
  const int64_t now_ns = call.now_ns(2);
  if (!call.ok) return nullptr;
  return make_outcome(
      env, persistently(call, now_ns, [&](int64_t at_ns) { return call.handle->bucket.reset(at_ns, owed); }));
}

// bucketParameters(number, out): writes rate, burst, generation
napi_value parameters(napi_env env, napi_callback_info info) {
  Call<BucketHandle, 2> call(env, info);
  double* const out = call.doubles(1, kTicketFields);
  if (!call.ok) return nullptr;
  const core::Parameters now = call.handle->bucket.parameters();
  out[0] = now.rate;
  out[1] = now.burst;
  out[2] = static_cast<double>(now.generation);
  return nullptr;
}

// bucketInitialize(view, rate, burst, nowMs): writes a full bucket into zeroed cells that nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info, BucketHandle::kSubject);
  core::Word* const cells = args.cells(0, core::bucket::kCells);
  const double rate = args.number(1, rules::kRate);
  const double burst = args.number(2, rules::kBurst);
  const double now_ms = args.number(3, rules::kTime);
  if (args.ok) core::TokenBucket<>(cells).initialize(founding_ns(now_ms), rate, burst);
  return nullptr;
}

// bucketOpen(view): [take, takeSeveral, number]
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, BucketHandle::kSubject);
  core::Word* const cells = args.cells(0, core::bucket::kCells);
  return args.ok ? open_bucket(env, cells, args.values[0]) : nullptr;
}

// bucketOpenNamed(name, rate, burst, nowMs, machine): [take, takeSeveral, number, rate, burst] with what the first user
// of the name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info, BucketHandle::kSubject);
  const std::string name = args.name(0);
  const double rate = args.number(1, rules::kRate);
  const double burst = args.number(2, rules::kBurst);
  const double now_ms = args.number(3, rules::kTime);
  const bool machine = args.is_machine(4);
  if (!args.ok) return nullptr;
  namespace named = core::named_bucket;
  const int64_t founding[] = {std::bit_cast<int64_t>(rate), std::bit_cast<int64_t>(burst)};
  const auto initialize = [&](core::Word* created) {
    core::TokenBucket<>(created).initialize(founding_ns(now_ms), rate, burst);
    for (size_t i = 0; i < 2; ++i) created[named::kFoundingRate + i].store(founding[i], std::memory_order_relaxed);
    if (machine) core::Waiters<>(created + named::kCells * core::kWordsPerCell).initialize(core::waiters::kMachineRows);
  };
  // order: relaxed, here and below. named_cells shows only cells whose creation came before.
  const auto adapt = [&](core::Word* found) {
    // What is in force may differ from what it was founded with: somebody has changed it, or died while he adapted it.
    core::TokenBucket<> bucket(found);
    const core::Parameters in_force = bucket.parameters();
    const auto holds_asked = [&](size_t i) {
      return found[named::kFoundingRate + i].load(std::memory_order_relaxed) == founding[i];
    };
    if (in_force.rate == rate && in_force.burst == burst && holds_asked(0) && holds_asked(1)) return true;
    const auto now = [now_ms] { return founding_ns(now_ms); };
    const auto change = [&](int64_t at_ns) { return bucket.update(at_ns, rate, burst); };
    if (persistently(now, change) != Outcome::kGranted) return false;
    for (size_t i = 0; i < 2; ++i) found[named::kFoundingRate + i].store(founding[i], std::memory_order_relaxed);
    return true;
  };
  const NamedCells opened = named_cells(env, {machine, core::Kind::kTokenBucket, name,
                                              machine ? named::kMachineCells : named::kCells, initialize, adapt});
  core::Word* const cells = opened.words;
  if (cells == nullptr) return nullptr;
  const auto founded_with = [cells](size_t word) {
    return std::bit_cast<double>(cells[word].load(std::memory_order_relaxed));
  };
  return append(
      env, open_bucket(env, cells, nullptr, opened, name),
      {make_double(env, founded_with(named::kFoundingRate)), make_double(env, founded_with(named::kFoundingBurst))});
}

}  // namespace

bool register_bucket(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"bucketInitialize", initialize},
      {"bucketOpen", open},
      {"bucketOpenNamed", open_named},
      {"bucketTryAcquire", try_acquire},
      {"bucketReserve", reserve},
      {"bucketRemaining", remaining},
      {"bucketCancel", cancel},
      {"bucketRefund", refund},
      {"bucketCharge", charge},
      {"bucketAvailable", available},
      {"bucketUpdate", update},
      {"bucketPause", pause},
      {"bucketReset", reset},
      {"bucketParameters", parameters},
      {"bucketAddCounts", add_counts<BucketHandle>},
      {"bucketClose", close_named<BucketHandle>},
  };
  Environment* const environment = Environment::of(env);
  return environment != nullptr && environment->tokens.add_to(env, exports, "bucketTokens") &&
         add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
