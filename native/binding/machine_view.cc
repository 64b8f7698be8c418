// What can be said of a name of the machine from a copy of its cells, for those who watch and take no part. A copy may
// have been made in the middle of a change, or hold anything: nothing here waits for words to fit each other.
#include <node_api.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "binding/bindings.h"
#include "binding/call.h"
#include "core/circuit_breaker.h"
#include "core/keyed_table.h"
#include "core/semaphore.h"
#include "core/token_bucket.h"
#include "core/waiters.h"
#include "os/process_identity.h"

namespace amorsize::binding {
namespace {

using core::Word;

// Doubles of what is told; src/memory/machine/view.ts has the same.
enum BucketField : size_t { kRate, kBurst, kTokens, kDebt, kWaiting, kRetryAfterMs, kPausedMs, kBucketFields };
enum TableField : size_t { kKeys = 2, kCapacity };
enum SemaphoreField : size_t { kPermits, kLimit };

bool is_limit(double rate, double burst) {
  return rate > 0 && rate <= core::kMaxRate && burst >= 1 && burst <= core::kMaxBurst;
}

bool tell_bucket(Word* words, size_t cells, int64_t now_ns, double* out) {
  constexpr size_t kRows = core::named_bucket::kCells;
  if (cells < kRows + 1) return false;
  core::Waiters<> rows(words + kRows * core::kWordsPerCell);
  const size_t most = std::min<size_t>(cells - kRows - 1, core::waiters::kMachineRows);
  const bool has_rows = core::is_of_kind(words + kRows * core::kWordsPerCell, core::Kind::kWaiters);
  const double waiting =
      has_rows ? static_cast<double>(rows.others(core::kNoRow, now_ns, 0, most).waiting) / core::waiters::kPerToken : 0;
  const core::BucketLook seen = core::TokenBucket<>(words).look(now_ns, waiting);
  // Its parameters are being changed at this moment.
  out[kRate] = std::numeric_limits<double>::quiet_NaN();
  if (!seen.is_whole) return true;
  if (!is_limit(seen.rate, seen.burst_tokens)) return false;
  out[kRate] = seen.rate;
  out[kBurst] = seen.burst_tokens;
  out[kTokens] = seen.tokens;
  out[kDebt] = seen.debt;
  out[kWaiting] = waiting;
  out[kPausedMs] = ms_from_wait(seen.paused_ns);
  out[kRetryAfterMs] = std::max(ms_from_wait(seen.wait_ns), out[kPausedMs]);
  return true;
}

// Of a large table there are its first groups: the keys in the others are estimated.
bool tell_table(Word* words, size_t cells, int64_t now_ns, double* out) {
  core::KeyedTerms terms = core::KeyedTerms::read(words);
  if (!is_limit(terms.asked.rate, terms.asked.burst)) return false;
  out[kRate] = terms.asked.rate;
  out[kBurst] = terms.asked.burst;
  out[kKeys] = out[kCapacity] = std::numeric_limits<double>::quiet_NaN();
  if (!terms.fits(std::numeric_limits<size_t>::max())) return true;
  out[kCapacity] = static_cast<double>(terms.asked.capacity);
  const int64_t groups = terms.cut.groups;
  const auto there = static_cast<int64_t>((cells - core::keyed::kHeaderCells) / core::keyed::kGroupCells);
  terms.cut.groups = std::min(groups, there);
  if (there < 1) return true;
  const double keys = static_cast<double>(core::KeyedTable<>(words, terms).size(now_ns));
  out[kKeys] = std::round(keys * static_cast<double>(groups) / static_cast<double>(terms.cut.groups));
  return true;
}

// Permits of processes that have ended are free: whoever wants one next takes them back.
bool tell_semaphore(Word* words, size_t cells, double* out) {
  const auto shape = core::SemaphoreShape::of_word(words[core::semaphore::kShape].load(std::memory_order_relaxed));
  if (!shape.is_valid() || shape.cells() > cells) return false;
  core::Semaphore<> semaphore(words, shape);
  if (semaphore.terms().most < 1) return false;
  double permits = semaphore.in_use();
  for (core::Owner owner = 1; owner <= shape.rows; ++owner) {
    const auto who = semaphore.identity(owner);
    if (who.process != 0 && !os::is_alive({who.process, who.space})) permits -= semaphore.held(owner);
  }
  out[kPermits] = std::max(permits, 0.0);
  out[kLimit] = semaphore.limit();
  return true;
}

// machineLook(kind, cells, nowMs, out): whether the cells hold what the kind says; writes what is told of it
napi_value look(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info, "machine");
  const auto kind = static_cast<core::Kind>(args.whole(0, rules::kCount));
  Word* const words = args.cells(1, 1);
  const size_t cells = args.cell_count(1);
  const int64_t now_ns = founding_ns(args.number(2, rules::kTime));
  double* const out = args.doubles(3, kBucketFields);
  if (!args.ok) return nullptr;
  bool told = core::is_of_kind(words, kind);
  if (told && kind == core::Kind::kTokenBucket) told = tell_bucket(words, cells, now_ns, out);
  if (told && kind == core::Kind::kKeyedTable)
    told = cells >= core::keyed::kHeaderCells && tell_table(words, cells, now_ns, out);
  if (told && kind == core::Kind::kSemaphore) told = tell_semaphore(words, cells, out);
  if (told && kind == core::Kind::kCircuitBreaker)
    out[0] = static_cast<double>(
        core::CircuitBreaker<>::state_of(words[core::breaker::kControl].load(std::memory_order_relaxed)));
  return make_bool(env, told);
}

}  // namespace

bool register_machine_view(napi_env env, napi_value exports) { return add_function(env, exports, "machineLook", look); }

}  // namespace amorsize::binding
