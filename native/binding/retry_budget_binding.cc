// Glue for retry budgets that threads share. A deposit on the system's clock is one call without arguments.
#include <node_api.h>

#include <bit>
#include <cmath>
#include <string>

#include "binding/bindings.h"
#include "binding/call.h"
#include "core/retry_budget.h"

namespace amorsize::binding {

using Budget = core::RetryBudget<>;

// A budget as one thread holds it.
struct BudgetHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kRetryBudget;
  static constexpr const char* kSubject = "budget";

  Budget budget;

  void leave(napi_env) {}
};

namespace {

constexpr double kUnits = static_cast<double>(Budget::kUnit);
// A ratio of 1000, a reserve of 10^9 a second for a day: the reserve is cut where it no longer limits anything.
constexpr double kMaxUnits = 0x1p60;

napi_value deposit(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* handle = static_cast<BudgetHandle*>(data);
  handle->budget.deposit(handle->clock.now_ns());
  return nullptr;
}

// What a budget is made with.
struct Founding {
  double ratio;
  double per_second;
  double ttl_ms;

  // Reads the three from argument `first` on.
  static Founding read(Reader& args, size_t first) {
    const double ratio = args.number(first, rules::kRatio);
    const double per_second = args.number(first + 1, rules::kRetriesPerSecond);
    return {ratio, per_second, args.number(first + 2, rules::kTtl)};
  }

  void initialize(core::Word* cells) const {
    Budget(cells).initialize(
        // 0.2 of five calls is a whole retry.
        static_cast<int64_t>(std::ceil(ratio * kUnits)),
        static_cast<int64_t>(std::fmin(std::round(per_second * ttl_ms / 1e3 * kUnits), kMaxUnits)),
        // Ten slices are never shorter than the window.
        static_cast<int64_t>(std::ceil(ttl_ms * kNsPerMs / static_cast<double>(core::retry_budget::kSlices))));
  }
};

// Returns [deposit, number]. `view` may be nullptr for cells that live for ever.
napi_value open_budget(napi_env env, core::Word* cells, napi_value view, NamedCells named = {}) {
  if (!core::is_of_kind(cells, BudgetHandle::kKind) ||
      cells[core::retry_budget::kSliceNs].load(std::memory_order_relaxed) <= 0) {
    if (named.words != nullptr) return refuse_damaged(env, named);
    return throw_type(env, "budget: these cells hold no retry budget of this layout version");
  }
  Opening<BudgetHandle> opening(env, view, named, Budget(cells));
  opening.add_bound("deposit", deposit);
  opening.add_number();
  return opening.result();
}

// budgetInitialize(view, ratio, minPerSecond, ttlMs): writes an empty budget into zeroed cells that nobody else can see
// yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info, BudgetHandle::kSubject);
  core::Word* const cells = args.cells(0, core::retry_budget::kCells);
  const Founding founding = Founding::read(args, 1);
  if (args.ok) founding.initialize(cells);
  return nullptr;
}

// budgetOpen(view): [deposit, number]
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, BudgetHandle::kSubject);
  core::Word* const cells = args.cells(0, core::retry_budget::kCells);
  return args.ok ? open_budget(env, cells, args.values[0]) : nullptr;
}

// budgetOpenNamed(name, ratio, minPerSecond, ttlMs, machine, out): [deposit, number]; writes ratio, minPerSecond and
// ttlMs of the first user
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info, BudgetHandle::kSubject);
  const std::string name = args.name(0);
  const Founding founding = Founding::read(args, 1);
  const bool machine = args.is_machine(4);
  double* const out = args.doubles(5, 3);
  if (!args.ok) return nullptr;

  constexpr size_t kFounding =
      core::retry_budget::kCells * core::kWordsPerCell;  // one more cell: what the name was created with
  const int64_t asked[] = {std::bit_cast<int64_t>(founding.ratio), std::bit_cast<int64_t>(founding.per_second),
                           std::bit_cast<int64_t>(founding.ttl_ms)};
  // order: relaxed, here and below. named_cells shows only cells whose creation came before.
  const auto create = [&](core::Word* created) {
    for (size_t i = 0; i < 3; ++i) created[kFounding + i].store(asked[i], std::memory_order_relaxed);
    founding.initialize(created);
  };
  // What has been counted holds for another ratio or reserve as well, but not in slices of another length.
  const auto adapt = [&](core::Word* found) {
    if (found[kFounding + 2].load(std::memory_order_relaxed) != asked[2]) return false;
    create(found);
    return true;
  };
  const NamedCells opened =
      named_cells(env, {machine, core::Kind::kRetryBudget, name, core::retry_budget::kCells + 1, create, adapt});
  core::Word* const cells = opened.words;
  if (cells == nullptr) return nullptr;
  for (size_t i = 0; i < 3; ++i) out[i] = std::bit_cast<double>(cells[kFounding + i].load(std::memory_order_relaxed));
  return open_budget(env, cells, nullptr, opened);
}

// budgetDeposit(number, nowMs): as the bound call, on a clock of the caller's own
napi_value deposit_at(napi_env env, napi_callback_info info) {
  Call<BudgetHandle, 2> call(env, info);
  const int64_t now_ns = call.ok ? call.now_ns(1) : 0;
  if (call.ok) call.handle->budget.deposit(now_ns);
  return nullptr;
}

// budgetTryWithdraw(number, nowMs): whether there was a retry
napi_value try_withdraw(napi_env env, napi_callback_info info) {
  Call<BudgetHandle, 2> call(env, info);
  const int64_t now_ns = call.ok ? call.now_ns(1) : 0;
  return call.ok ? make_bool(env, call.handle->budget.try_withdraw(now_ns)) : nullptr;
}

// budgetAvailable(number, nowMs): retries
napi_value available(napi_env env, napi_callback_info info) {
  Call<BudgetHandle, 2> call(env, info);
  const int64_t now_ns = call.ok ? call.now_ns(1) : 0;
  return call.ok ? make_double(env, static_cast<double>(call.handle->budget.available(now_ns)) / kUnits) : nullptr;
}

}  // namespace

bool register_retry_budget(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"budgetInitialize", initialize},      {"budgetOpen", open},
      {"budgetOpenNamed", open_named},       {"budgetDeposit", deposit_at},
      {"budgetTryWithdraw", try_withdraw},   {"budgetAvailable", available},
      {"budgetLetGo", let_go<BudgetHandle>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
