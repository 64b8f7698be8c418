// Glue for the token bucket. A decision of the common case (`tryAcquire()` on the system's clock) is one call without
// arguments, bound to its bucket; everything else names its bucket by number.
#include <node_api.h>

#include <bit>
#include <cmath>
#include <string>
#include <thread>

#include "binding/bindings.h"
#include "binding/bucket_call.h"
#include "binding/hot_calls.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "core/token_bucket.h"
#include "core/waiters.h"

namespace amorsize::binding {
namespace {

using core::Outcome;
using core::Ticket;

// Doubles of the array in which tickets travel; src/memory/bucket/native.ts has the same.
enum TicketField : size_t { kPositionHigh, kPositionLow, kDigits, kGeneration, kWaitMs, kTicketFields };

constexpr double kTwo32 = 4294967296.0;

bool in_range(double value, double max) { return value > 0 && value <= max; }

double* ticket_fields(napi_env env, napi_value value) { return doubles_of(env, value, kTicketFields); }

bool is_whole(double value, double limit) { return value >= -limit && value <= limit && std::floor(value) == value; }

// False when the fields are not what `write_ticket` wrote.
bool read_ticket(const double* fields, Ticket* ticket) {
  const bool ok = is_whole(fields[kPositionHigh], 0x1p31) && is_whole(fields[kPositionLow], kTwo32) &&
                  is_whole(fields[kDigits], core::kMaxDigits) && is_whole(fields[kGeneration], 0x1p53);
  if (!ok) return false;
  const auto high = static_cast<int64_t>(fields[kPositionHigh]);
  *ticket = {static_cast<int64_t>(static_cast<uint64_t>(high) << 32) + static_cast<int64_t>(fields[kPositionLow]),
             static_cast<int64_t>(fields[kGeneration]), static_cast<int>(fields[kDigits])};
  return true;
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
    std::this_thread::yield();
  }
}

template <class Change>
Outcome persistently(int64_t now_ns, bool own_clock, BucketHandle* handle, Change change) {
  return persistently([&] { return own_clock ? handle->clock.now_ns() : now_ns; }, change);
}

// bucketTryAcquire(number, tokens, nowMs): outcome
napi_value try_acquire(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double tokens = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.tokens(env, 1, &tokens) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  return make_outcome(env, call.handle->bucket.try_acquire(now_ns, tokens));
}

// bucketReserve(number, tokens, maxWaitMs, nowMs, ticket): outcome. The ticket is written, or for a denial its wait.
napi_value reserve(napi_env env, napi_callback_info info) {
  BucketCall<5> call(env, info);
  double tokens = 0;
  double max_wait_ms = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.tokens(env, 1, &tokens) || !call.number(env, 2, &max_wait_ms) ||
      !call.now_ns(env, 3, &now_ns))
    return nullptr;
  double* fields = ticket_fields(env, call.values[4]);
  if (fields == nullptr) return nullptr;
  if (max_wait_ms < 0) return throw_range(env, "bucket: maxWaitMs must be >= 0");
  const core::Reservation result = call.handle->bucket.reserve(now_ns, tokens, wait_ns_from_ms(max_wait_ms));
  write_ticket(result.ticket, result.wait_ns, fields);
  return make_outcome(env, result.outcome);
}

// bucketRemaining(number, ticket, nowMs): ms; brings the ticket up to date.
napi_value remaining(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 2, &now_ns)) return nullptr;
  double* fields = ticket_fields(env, call.values[1]);
  Ticket ticket;
  if (fields == nullptr) return nullptr;
  if (!read_ticket(fields, &ticket)) return throw_range(env, "bucket: this is no ticket");
  const int64_t wait_ns = call.handle->bucket.remaining(now_ns, &ticket);
  write_ticket(ticket, wait_ns, fields);
  return make_double(env, ms_from_wait(wait_ns));
}

// bucketCancel(number, ticket, tokens, nowMs): tokens given back
napi_value cancel(napi_env env, napi_callback_info info) {
  BucketCall<4> call(env, info);
  double tokens = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.tokens(env, 2, &tokens) || !call.now_ns(env, 3, &now_ns)) return nullptr;
  const double* fields = ticket_fields(env, call.values[1]);
  Ticket ticket;
  if (fields == nullptr) return nullptr;
  if (!read_ticket(fields, &ticket)) return throw_range(env, "bucket: this is no ticket");
  return make_double(env, call.handle->bucket.cancel(now_ns, ticket, tokens));
}

// bucketRefund(number, tokens, nowMs): tokens given back
napi_value refund(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double tokens = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.number(env, 1, &tokens) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  // None is a refund too, and more than a bucket can hold fills it.
  if (tokens < 0) return throw_range(env, "bucket: a refund must be >= 0 tokens");
  double returned = 0;
  persistently(now_ns, call.own_clock, call.handle, [&](int64_t at_ns) {
    returned = call.handle->bucket.refund(at_ns, tokens);
    return returned == core::TokenBucket<>::kTryAgain ? Outcome::kBusy : Outcome::kGranted;
  });
  return make_double(env, std::max(returned, 0.0));
}

// bucketCharge(number, tokens, nowMs): outcome
napi_value charge(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double tokens = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.tokens(env, 1, &tokens) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  return make_outcome(env, persistently(now_ns, call.own_clock, call.handle,
                                        [&](int64_t at_ns) { return call.handle->bucket.charge(at_ns, tokens); }));
}

// bucketAvailable(number, nowMs): tokens
napi_value available(napi_env env, napi_callback_info info) {
  BucketCall<2> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  return make_double(env, call.handle->bucket.available(now_ns));
}

// bucketUpdate(number, rate, burst, nowMs): outcome. NaN keeps what is in force.
napi_value update(napi_env env, napi_callback_info info) {
  BucketCall<4> call(env, info);
  double rate = 0;
  double burst = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 3, &now_ns)) return nullptr;
  if (!read_double(env, call.values[1], &rate) || !read_double(env, call.values[2], &burst))
    return throw_type(env, "bucket: a number was expected");
  if (!std::isnan(rate) && !in_range(rate, core::kMaxRate))
    return throw_range(env, "bucket: the rate must be > 0 and at most 1e15");
  if (burst < 1 || burst > core::kMaxBurst) return throw_range(env, "bucket: the burst must be >= 1 and at most 1e15");
  return make_outcome(env, persistently(now_ns, call.own_clock, call.handle,
                                        [&](int64_t at_ns) { return call.handle->bucket.update(at_ns, rate, burst); }));
}

// bucketPause(number, ms, nowMs): outcome
napi_value pause(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double ms = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.number(env, 1, &ms) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  if (ms < 0) return throw_range(env, "bucket: a pause must be >= 0 ms");
  const int64_t until_ns = now_ns + ns_from_ms(ms);
  return make_outcome(env, persistently(now_ns, call.own_clock, call.handle,
                                        [&](int64_t at_ns) { return call.handle->bucket.pause(at_ns, until_ns); }));
}

// bucketReset(number, owed, nowMs): outcome
napi_value reset(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double owed = 0;
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.number(env, 1, &owed) || !call.now_ns(env, 2, &now_ns)) return nullptr;
  if (!(owed >= 0)) return throw_range(env, "bucket: what is owed must be >= 0 tokens");
  return make_outcome(env, persistently(now_ns, call.own_clock, call.handle,
                                        [&](int64_t at_ns) { return call.handle->bucket.reset(at_ns, owed); }));
}

// bucketParameters(number, out): writes rate, burst, generation
napi_value parameters(napi_env env, napi_callback_info info) {
  BucketCall<2> call(env, info);
  if (call.handle == nullptr) return nullptr;
  double* out = ticket_fields(env, call.values[1]);
  if (out == nullptr) return nullptr;
  const core::Parameters now = call.handle->bucket.parameters();
  out[0] = now.rate;
  out[1] = now.burst;
  out[2] = static_cast<double>(now.generation);
  return nullptr;
}

// bucketInitialize(view, rate, burst, nowMs): writes a full bucket into zeroed cells that nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  core::Word* cells = args.ok ? cells_of_view(env, args.values[0], core::bucket::kCells) : nullptr;
  double rate = 0;
  double burst = 0;
  double now_ms = 0;
  if (cells == nullptr)
    return throw_type(env, "bucket: cells are a BigInt64Array of 40 on a SharedArrayBuffer, aligned to 64 bytes");
  const bool ok = read_double(env, args.values[1], &rate) && read_double(env, args.values[2], &burst) &&
                  read_double(env, args.values[3], &now_ms) && in_range(rate, core::kMaxRate) && burst >= 1 &&
                  burst <= core::kMaxBurst;
  if (!ok) return throw_range(env, "bucket: rate must be > 0, burst >= 1, both at most 1e15");
  core::TokenBucket<>(cells).initialize(std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms), rate, burst);
  return nullptr;
}

// bucketOpen(view): [tryAcquire, number]
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  core::Word* cells = args.ok ? cells_of_view(env, args.values[0], core::bucket::kCells) : nullptr;
  if (cells == nullptr)
    return throw_type(env, "bucket: cells are a BigInt64Array of 40 on a SharedArrayBuffer, aligned to 64 bytes");
  return open_bucket(env, cells, args.values[0]);
}

// bucketOpenNamed(name, rate, burst, nowMs, machine): [tryAcquire, number, rate, burst] with what the first user of the
// name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<5> args(env, info);
  double rate = 0;
  double burst = 0;
  double now_ms = 0;
  bool machine = false;
  std::string name;
  const bool ok = args.ok && read_string(env, args.values[0], &name) && read_double(env, args.values[1], &rate) &&
                  read_double(env, args.values[2], &burst) && read_double(env, args.values[3], &now_ms) &&
                  in_range(rate, core::kMaxRate) && burst >= 1 && burst <= core::kMaxBurst &&
                  napi_get_value_bool(env, args.values[4], &machine) == napi_ok;
  if (!ok)
    return throw_range(env, "bucket: a name, a rate > 0, a burst >= 1 and whether it is the machine's were expected");
  namespace named = core::named_bucket;
  const int64_t founding[] = {std::bit_cast<int64_t>(rate), std::bit_cast<int64_t>(burst)};
  const auto initialize = [&](core::Word* created) {
    core::TokenBucket<>(created).initialize(std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms), rate, burst);
    for (size_t i = 0; i < 2; ++i) created[named::kFoundingRate + i].store(founding[i], std::memory_order_relaxed);
    if (machine) core::Waiters<>(created + named::kCells * core::kWordsPerCell).initialize(core::waiters::kMachineRows);
  };
  // order: relaxed, here and below. named_cells shows only cells whose creation came before.
  const auto adapt = [&](core::Word* found) {
    const bool fits = found[named::kFoundingRate].load(std::memory_order_relaxed) == founding[0] &&
                      found[named::kFoundingBurst].load(std::memory_order_relaxed) == founding[1];
    if (fits) return true;
    const auto now = [now_ms] { return std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms); };
    if (persistently(now, [&](int64_t at) { return core::TokenBucket<>(found).update(at, rate, burst); }) !=
        Outcome::kGranted)
      return false;
    for (size_t i = 0; i < 2; ++i) found[named::kFoundingRate + i].store(founding[i], std::memory_order_relaxed);
    return true;
  };
  const NamedCells opened = named_cells(env, {machine, core::Kind::kTokenBucket, name,
                                              machine ? named::kMachineCells : named::kCells, initialize, adapt});
  core::Word* const cells = opened.words;
  if (cells == nullptr) return nullptr;
  napi_value result = open_bucket(env, cells, nullptr, opened, name);
  if (result == nullptr) return nullptr;
  for (uint32_t i = 0; i < 2; ++i) {
    const double founded_with = std::bit_cast<double>(cells[named::kFoundingRate + i].load(std::memory_order_relaxed));
    AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 2 + i, make_double(env, founded_with)));
  }
  return result;
}

// bucketAddCounts(number, allowed, denied): adds decisions of a bucket with a name to what those who watch can see
napi_value add_counts(napi_env env, napi_callback_info info) {
  BucketCall<3> call(env, info);
  double allowed = 0;
  double denied = 0;
  if (call.handle == nullptr || !call.number(env, 1, &allowed) || !call.number(env, 2, &denied)) return nullptr;
  core::Word* const cells = call.handle->named.words;
  if (cells == nullptr) return throw_type(env, "bucket: only one with a name has counts");
  if (!(allowed >= 0 && allowed <= 0x1p53 && denied >= 0 && denied <= 0x1p53))
    return throw_range(env, "bucket: counts must be from 0 to 2^53");
  // order: relaxed. They are looked at and nothing follows from them.
  cells[core::named_bucket::kAllowed].fetch_add(static_cast<int64_t>(allowed), std::memory_order_relaxed);
  cells[core::named_bucket::kDenied].fetch_add(static_cast<int64_t>(denied), std::memory_order_relaxed);
  return nullptr;
}

// bucketClose(number): lets go of a named bucket before its function is collected. What is called afterwards finds an
// empty bucket.
napi_value close(napi_env env, napi_callback_info info) {
  BucketCall<1> call(env, info);
  if (call.handle != nullptr && call.handle->named.words != nullptr) leave_named_bucket(env, call.handle);
  return nullptr;
}

}  // namespace

bool register_bucket(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"bucketInitialize", initialize}, {"bucketOpen", open},
      {"bucketOpenNamed", open_named},  {"bucketTryAcquire", try_acquire},
      {"bucketReserve", reserve},       {"bucketRemaining", remaining},
      {"bucketCancel", cancel},         {"bucketRefund", refund},
      {"bucketCharge", charge},         {"bucketAvailable", available},
      {"bucketUpdate", update},         {"bucketPause", pause},
      {"bucketReset", reset},           {"bucketParameters", parameters},
      {"bucketAddCounts", add_counts},  {"bucketClose", close},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
