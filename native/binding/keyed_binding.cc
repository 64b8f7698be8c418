// Glue for the keyed table. `tryAcquire(key)` of one token on the system's clock is a call bound to its table, in
// keyed_handle.cc; everything else names its table by number. Callers that wait: keyed_waiting.cc.
#include <node_api.h>

#include <cmath>
#include <string>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/keyed_call.h"
#include "binding/keyed_handle.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "binding/times.h"

namespace amorsize::binding {
namespace {

using core::Outcome;

// What a look writes for JavaScript; src/memory/keyed/native.ts has the same.
enum LookField : size_t { kWaitMs, kLookFields };

napi_value make_outcome(napi_env env, Outcome outcome) { return make_double(env, static_cast<double>(outcome)); }

// keyedTryAcquire(number, key, nowMs, tokens): outcome
napi_value try_acquire(napi_env env, napi_callback_info info) {
  KeyedCall<4> call(env, info);
  double tokens = 0;
  if (!call.ready || !call.tokens(env, 3, &tokens)) return nullptr;
  return make_outcome(env, call.handle->table.try_acquire(call.now_ns, call.hash, tokens));
}

// keyedRefund(number, key, nowMs, tokens): tokens given back
napi_value refund(napi_env env, napi_callback_info info) {
  KeyedCall<4> call(env, info);
  double tokens = 0;
  if (!call.ready || !call.tokens(env, 3, &tokens, true)) return nullptr;
  return make_double(env, call.handle->table.refund(call.now_ns, call.hash, tokens));
}

// keyedCharge(number, key, nowMs, tokens): outcome
napi_value charge(napi_env env, napi_callback_info info) {
  KeyedCall<4> call(env, info);
  double tokens = 0;
  if (!call.ready || !call.tokens(env, 3, &tokens)) return nullptr;
  return make_outcome(env, call.handle->table.charge(call.now_ns, call.hash, tokens));
}

// keyedPause(number, key, nowMs, ms): outcome
napi_value pause(napi_env env, napi_callback_info info) {
  KeyedCall<4> call(env, info);
  double ms = 0;
  if (!call.ready) return nullptr;
  if (!read_double(env, call.values[3], &ms) || !(ms > 0)) return throw_range(env, "keyed: ms must be > 0");
  return make_outcome(env, call.handle->table.pause(call.now_ns, call.hash, wait_ns_from_ms(ms)));
}

// keyedLook(number, key, nowMs, tokens, out): available tokens; writes the wait for `tokens`
napi_value look(napi_env env, napi_callback_info info) {
  KeyedCall<5> call(env, info);
  double tokens = 0;
  if (!call.ready || !call.tokens(env, 3, &tokens)) return nullptr;
  double* out = doubles_of(env, call.values[4], kLookFields);
  if (out == nullptr) return nullptr;
  const core::KeyedLook seen = call.handle->table.look(call.now_ns, call.hash, tokens);
  out[kWaitMs] = ms_from_wait(seen.wait_ns);
  return make_double(env, seen.available);
}

// keyedReset(number, key, nowMs)
napi_value reset(napi_env env, napi_callback_info info) {
  KeyedCall<3> call(env, info);
  if (call.ready) call.handle->table.reset(call.hash);
  return nullptr;
}

// keyedSize(number, any key, nowMs): keys that have less than a full bucket
napi_value size(napi_env env, napi_callback_info info) {
  KeyedCall<3> call(env, info);
  return call.ready ? make_double(env, static_cast<double>(call.handle->table.size(call.now_ns))) : nullptr;
}

struct Founding {
  core::KeyedParameters asked;
  core::HashSeed seed;
  int64_t now_ns;
};

// Reads rate, burst, capacity, evicts, seed and time from argument `first` on. Throws and returns false when they are
// none.
template <size_t N>
bool read_founding(napi_env env, const Args<N>& args, size_t first, Founding* out) {
  double capacity = 0;
  double now_ms = 0;
  auto& [asked, seed, now_ns] = *out;
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool ok =
      args.ok && read_double(env, args.values[first], &asked.rate) &&
      read_double(env, args.values[first + 1], &asked.burst) && read_double(env, args.values[first + 2], &capacity) &&
      napi_get_value_bool(env, args.values[first + 3], &asked.evicts) == napi_ok &&
      napi_get_typedarray_info(env, args.values[first + 4], &type, &length, &data, nullptr, nullptr) == napi_ok &&
      type == napi_biguint64_array && length == 2 && read_double(env, args.values[first + 5], &now_ms) &&
      asked.rate > 0 && asked.rate <= core::kMaxRate && asked.burst >= 1 && asked.burst <= core::kMaxBurst &&
      capacity >= 1 && capacity <= static_cast<double>(core::kMaxCapacity);
  if (!ok) {
    throw_range(env,
                "keyed: a rate > 0, a burst >= 1, a capacity, whether keys are evicted, a seed of 128 bits and a time "
                "were expected");
    return false;
  }
  asked.capacity = static_cast<int64_t>(capacity);
  seed = {static_cast<const uint64_t*>(data)[0], static_cast<const uint64_t*>(data)[1]};
  now_ns = std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms);
  return true;
}

constexpr const char* kNoCells =
    "keyed: cells are a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes, and as many as the capacity needs";

// keyedCells(capacity): how many cells a table takes
napi_value cells(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  double capacity = 0;
  const bool ok = args.ok && read_double(env, args.values[0], &capacity) && capacity >= 1 &&
                  capacity <= static_cast<double>(core::kMaxCapacity);
  if (!ok) return throw_range(env, "keyed: a capacity from 1 to 1e8 was expected");
  return make_double(env, static_cast<double>(core::keyed_cells(static_cast<int64_t>(capacity))));
}

// keyedInitialize(view, rate, burst, capacity, evicts, seed, nowMs): writes an empty table into zeroed cells that
// nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<7> args(env, info);
  Founding founding{};
  if (!read_founding(env, args, 1, &founding)) return nullptr;
  core::Word* words = cells_of_view(env, args.values[0], core::keyed_cells(founding.asked.capacity));
  if (words == nullptr) return throw_type(env, kNoCells);
  core::KeyedTable<>::initialize(words, core::KeyedTerms::make(founding.now_ns, founding.asked, founding.seed));
  return nullptr;
}

// keyedOpen(view): [tryAcquire, number]
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  core::Word* words = args.ok ? cells_of_view(env, args.values[0], core::keyed::kHeaderCells) : nullptr;
  size_t length = 0;
  if (words == nullptr ||
      napi_get_typedarray_info(env, args.values[0], nullptr, &length, nullptr, nullptr, nullptr) != napi_ok)
    return throw_type(env, kNoCells);
  return open_keyed(env, words, length / core::kWordsPerCell, args.values[0]);
}

// keyedOpenNamed(name, rate, burst, capacity, evicts, seed, nowMs, machine): [tryAcquire, number, rate, burst,
// capacity, evicts] with what the first user of the name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<8> args(env, info);
  Founding founding{};
  std::string name;
  bool machine = false;
  if (!args.ok || !read_string(env, args.values[0], &name) ||
      napi_get_value_bool(env, args.values[7], &machine) != napi_ok) {
    return throw_type(env, "keyed: a name and whether it is the machine's were expected");
  }
  if (!read_founding(env, args, 1, &founding)) return nullptr;
  const core::KeyedParameters& asked = founding.asked;
  const auto make = [&](core::Word* created) {
    core::KeyedTable<>::initialize(created, core::KeyedTerms::make(founding.now_ns, asked, founding.seed));
  };
  const size_t wanted = core::keyed_cells(asked.capacity);
  const auto adapt = [&](core::Word* there) {
    const core::KeyedTerms terms = core::KeyedTerms::read(there);
    const core::KeyedParameters& other = terms.asked;
    if (!terms.fits(wanted) || other.capacity != asked.capacity) return false;
    if (other.rate != asked.rate || other.burst != asked.burst || other.evicts != asked.evicts)
      core::KeyedTable<>::change(there, founding.now_ns, asked);
    return true;
  };
  // A table of another capacity has another size; what it was made with is told by its own words.
  const NamedCells opened = named_cells(env, {machine, core::Kind::kKeyedTable, name, wanted, make, adapt, true});
  core::Word* const words = opened.words;
  if (words == nullptr) return nullptr;
  const core::KeyedParameters found = core::KeyedTerms::read(words).asked;
  // The process's own table of names has no sizes: there are as many cells as whoever made them needed.
  napi_value result =
      open_keyed(env, words, machine ? opened.cells : core::keyed_cells(found.capacity), nullptr, opened);
  if (result == nullptr) return nullptr;
  const double numbers[] = {found.rate, found.burst, static_cast<double>(found.capacity)};
  for (uint32_t i = 0; i < 3; ++i)
    AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 2 + i, make_double(env, numbers[i])));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 5, make_bool(env, found.evicts)));
  return result;
}

// keyedClose(number, any key, nowMs): lets go of a named table before its function is collected. What is called
// afterwards finds an empty table.
napi_value close(napi_env env, napi_callback_info info) {
  KeyedCall<3> call(env, info);
  if (call.ready && call.handle->named.words != nullptr) leave_named_table(env, call.handle);
  return nullptr;
}

}  // namespace

bool register_keyed(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"keyedCells", cells},
      {"keyedInitialize", initialize},
      {"keyedOpen", open},
      {"keyedOpenNamed", open_named},
      {"keyedTryAcquire", try_acquire},
      {"keyedRefund", refund},
      {"keyedCharge", charge},
      {"keyedPause", pause},
      {"keyedLook", look},
      {"keyedReset", reset},
      {"keyedSize", size},
      {"keyedClose", close},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
