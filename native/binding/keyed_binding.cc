// Glue for the keyed table. `tryAcquire(key)` of one token on the system's clock is a call bound to its table, in
// keyed_handle.cc; everything else names its table by number. Callers that wait: keyed_waiting.cc.
#include <node_api.h>

#include <string>

#include "binding/bindings.h"
#include "binding/call.h"
#include "binding/keyed_handle.h"

namespace amorsize::binding {
namespace {

using core::Outcome;

// What a look writes for JavaScript; src/memory/keyed/native.ts has the same.
enum LookField : size_t { kWaitMs, kLookFields };

napi_value make_outcome(napi_env env, Outcome outcome) { return make_double(env, static_cast<double>(outcome)); }

// keyedTryAcquire(number, key, nowMs, tokens): outcome
napi_value try_acquire(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 4> call(env, info);
  const double tokens = call.number(3, rules::kTokens);
  return call.ok ? make_outcome(env, call.handle->table.try_acquire(call.now, call.hash, tokens)) : nullptr;
}

// keyedRefund(number, key, nowMs, tokens): tokens given back. More than a bucket can hold fills it.
napi_value refund(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 4> call(env, info);
  const double tokens = call.number(3, rules::kTokensOrNone);
  return call.ok ? make_double(env, call.handle->table.refund(call.now, call.hash, tokens)) : nullptr;
}

// keyedCharge(number, key, nowMs, tokens): outcome
napi_value charge(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 4> call(env, info);
  const double tokens = call.number(3, rules::kTokens);
  return call.ok ? make_outcome(env, call.handle->table.charge(call.now, call.hash, tokens)) : nullptr;
}

// keyedPause(number, key, nowMs, ms): outcome
napi_value pause(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 4> call(env, info);
  const double ms = call.number(3, rules::kKeyPauseMs);
  return call.ok ? make_outcome(env, call.handle->table.pause(call.now, call.hash, wait_ns_from_ms(ms))) : nullptr;
}

// keyedLook(number, key, nowMs, tokens, out): available tokens; writes the wait for `tokens`
napi_value look(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 5> call(env, info);
  const double tokens = call.number(3, rules::kTokens);
  double* const out = call.doubles(4, kLookFields);
  if (!call.ok) return nullptr;
  const core::KeyedLook seen = call.handle->table.look(call.now, call.hash, tokens);
  out[kWaitMs] = ms_from_wait(seen.wait_ns);
  return make_double(env, seen.available);
}

// keyedReset(number, key, nowMs)
napi_value reset(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 3> call(env, info);
  if (call.ok) call.handle->table.reset(call.now, call.hash);
  return nullptr;
}

// keyedSize(number, any key, nowMs): keys that have less than a full bucket
napi_value size(napi_env env, napi_callback_info info) {
  KeyCall<KeyedHandle, 3> call(env, info);
  return call.ok ? make_double(env, static_cast<double>(call.handle->table.size(call.now))) : nullptr;
}

struct Founding {
  core::KeyedParameters asked;
  core::HashSeed seed;
  int64_t now_ns;

  // Reads rate, burst, capacity, evicts, seed and time from argument `first` on.
  static Founding read(Reader& args, size_t first) {
    const double rate = args.number(first, rules::kRate);
    const double burst = args.number(first + 1, rules::kBurst);
    const int64_t capacity = args.whole(first + 2, rules::kCapacity);
    const bool evicts = args.boolean(first + 3);
    const core::HashSeed seed = args.seed(first + 4);
    const double now_ms = args.number(first + 5, rules::kTime);
    return {{rate, burst, capacity, evicts}, seed, founding_ns(now_ms)};
  }
};

// keyedCells(capacity): how many cells a table takes
napi_value cells(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, KeyedHandle::kSubject);
  const int64_t capacity = args.whole(0, rules::kCapacity);
  return args.ok ? make_double(env, static_cast<double>(core::keyed_cells(capacity))) : nullptr;
}

// keyedInitialize(view, rate, burst, capacity, evicts, seed, nowMs): writes an empty table into zeroed cells that
// nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<7> args(env, info, KeyedHandle::kSubject);
  const Founding founding = Founding::read(args, 1);
  core::Word* const words = args.ok ? args.cells(0, core::keyed_cells(founding.asked.capacity)) : nullptr;
  if (!args.ok) return nullptr;
  core::KeyedTable<>::initialize(words, core::KeyedTerms::make(founding.now_ns, founding.asked, founding.seed));
  return nullptr;
}

// Adds to what an opening gives what the table was made with.
napi_value with_founding(napi_env env, napi_value opened, const core::KeyedParameters& found) {
  return append(env, opened,
                {make_double(env, found.rate), make_double(env, found.burst),
                 make_double(env, static_cast<double>(found.capacity)), make_bool(env, found.evicts)});
}

// keyedOpen(view): [tryAcquire, number, rate, burst, capacity, evicts]
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, KeyedHandle::kSubject);
  core::Word* const words = args.cells(0, core::keyed::kHeaderCells);
  if (!args.ok) return nullptr;
  napi_value result = open_keyed(env, words, args.cell_count(0), args.values[0]);
  return with_founding(env, result, core::KeyedTerms::read(words).asked);
}

// keyedOpenNamed(name, rate, burst, capacity, evicts, seed, nowMs, machine): [tryAcquire, number, rate, burst,
// capacity, evicts] with what the first user of the name asked for
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<8> args(env, info, KeyedHandle::kSubject);
  const std::string name = args.name(0);
  const Founding founding = Founding::read(args, 1);
  const bool machine = args.is_machine(7);
  if (!args.ok) return nullptr;
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
  return with_founding(env, result, found);
}

}  // namespace

bool register_keyed(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
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
      {"keyedAddCounts", add_counts<KeyedHandle>},
      {"keyedClose", close_named<KeyedHandle>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
