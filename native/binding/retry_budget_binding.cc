// Glue for retry budgets that threads share. A deposit on the system's clock is one call without arguments.
#include <node_api.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <string>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/environment.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/retry_budget.h"
#include "os/clock.h"

namespace amorsize::binding {

using Budget = core::RetryBudget<>;

// A budget as one thread holds it.
struct BudgetHandle {
  Budget budget;
  os::FastClock clock;
  Environment* environment;
  napi_ref view = nullptr;  // keeps the SharedArrayBuffer alive
  NamedCells named = {};
  uint32_t number = 0;
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

void close_budget(napi_env env, void* data, void*) {
  const std::unique_ptr<BudgetHandle> handle(static_cast<BudgetHandle*>(data));
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->budgets.remove(handle->number);
  handle->environment->release();
}

// What a budget is made with.
struct Founding {
  double ratio = 0;
  double per_second = 0;
  double ttl_ms = 0;

  // Reads the three; throws and returns false for what no budget can have.
  bool read(napi_env env, const napi_value* values) {
    const bool ok = read_double(env, values[0], &ratio) && read_double(env, values[1], &per_second) &&
                    read_double(env, values[2], &ttl_ms) && ratio >= 0 && ratio <= 1e3 && per_second >= 0 &&
                    ttl_ms >= 1 && ttl_ms <= 1e9;
    if (!ok)
      throw_range(env,
                  "budget: a ratio of at most 1000, retries a second >= 0 and a time from 1 to 1e9 ms were expected");
    return ok;
  }

  void initialize(core::Word* cells) const {
    Budget(cells).initialize(
        static_cast<int64_t>(std::round(ratio * kUnits)),
        static_cast<int64_t>(std::fmin(std::round(per_second * ttl_ms / 1e3 * kUnits), kMaxUnits)),
        static_cast<int64_t>(ttl_ms * kNsPerMs / static_cast<double>(core::retry_budget::kSlices)));
  }
};

// Returns [deposit, number]. `view` may be nullptr for cells that live for ever.
napi_value open_budget(napi_env env, core::Word* cells, napi_value view, NamedCells named = {}) {
  Environment* environment = Environment::of(env);
  if (environment == nullptr || cells[core::retry_budget::kSliceNs].load(std::memory_order_relaxed) <= 0) {
    named.release(env);
    return throw_range(env, "budget: its memory is damaged");
  }
  napi_ref reference = nullptr;
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));
  auto* const opened = new BudgetHandle{
      .budget = Budget(cells), .clock = {}, .environment = environment, .view = reference, .named = named};
  opened->number = environment->budgets.add(opened);
  environment->retain();
  napi_value function = nullptr;
  napi_value result = nullptr;
  const bool made = napi_create_function(env, "deposit", NAPI_AUTO_LENGTH, deposit, opened, &function) == napi_ok &&
                    napi_add_finalizer(env, function, opened, close_budget, nullptr, nullptr) == napi_ok;
  if (!made) {
    close_budget(env, opened, nullptr);
    return throw_last(env, "the budget's function");
  }
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 2, &result));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 0, function));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 1, make_double(env, opened->number)));
  return result;
}

// budgetInitialize(view, ratio, minPerSecond, ttlMs): writes an empty budget into zeroed cells that nobody else can see
// yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  Founding founding;
  if (!args.ok || !founding.read(env, args.values + 1)) return nullptr;
  core::Word* cells = cells_of_view(env, args.values[0], core::retry_budget::kCells);
  if (cells == nullptr)
    return throw_type(env, "budget: cells are a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes");
  founding.initialize(cells);
  return nullptr;
}

// budgetOpen(view): [deposit, number]
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  core::Word* cells = args.ok ? cells_of_view(env, args.values[0], core::retry_budget::kCells) : nullptr;
  // order: acquire. Pairs with RetryBudget::initialize: the budget it announces is visible.
  if (cells == nullptr ||
      cells[core::retry_budget::kKind].load(std::memory_order_acquire) != core::kind_word(core::Kind::kRetryBudget)) {
    return throw_type(env, "budget: these cells hold no retry budget of this layout version");
  }
  return open_budget(env, cells, args.values[0]);
}

// budgetOpenNamed(name, ratio, minPerSecond, ttlMs, machine, [ratio, minPerSecond, ttlMs of the first user]): [deposit,
// number]
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<6> args(env, info);
  bool machine = false;
  std::string name;
  Founding founding;
  if (!args.ok || !read_string(env, args.values[0], &name) ||
      napi_get_value_bool(env, args.values[4], &machine) != napi_ok) {
    return throw_type(env, "budget: a name and whether it is the machine's were expected");
  }
  if (!founding.read(env, args.values + 1)) return nullptr;
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, args.values[5], &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || length < 3) {
    return throw_type(env, "budget: a Float64Array of 3 was expected");
  }

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
  for (size_t i = 0; i < 3; ++i)
    static_cast<double*>(data)[i] = std::bit_cast<double>(cells[kFounding + i].load(std::memory_order_relaxed));
  return open_budget(env, cells, nullptr, opened);
}

BudgetHandle* budget_of(napi_env env, const Args<1>& args) {
  double number = -1;
  if (!args.ok || !read_double(env, args.values[0], &number)) number = -1;
  Environment* environment = Environment::of(env);
  BudgetHandle* handle = environment == nullptr ? nullptr : environment->budgets.find(number);
  if (handle == nullptr) throw_type(env, "budget: no open budget of this thread has that number");
  return handle;
}

// budgetTryWithdraw(number): whether there was a retry
napi_value try_withdraw(napi_env env, napi_callback_info info) {
  BudgetHandle* handle = budget_of(env, Args<1>(env, info));
  return handle == nullptr ? nullptr : make_bool(env, handle->budget.try_withdraw(handle->clock.now_ns()));
}

// budgetAvailable(number): retries
napi_value available(napi_env env, napi_callback_info info) {
  BudgetHandle* handle = budget_of(env, Args<1>(env, info));
  return handle == nullptr
             ? nullptr
             : make_double(env, static_cast<double>(handle->budget.available(handle->clock.now_ns())) / kUnits);
}

}  // namespace

bool register_retry_budget(napi_env env, napi_value exports) {
  return add_function(env, exports, "budgetInitialize", initialize) && add_function(env, exports, "budgetOpen", open) &&
         add_function(env, exports, "budgetOpenNamed", open_named) &&
         add_function(env, exports, "budgetTryWithdraw", try_withdraw) &&
         add_function(env, exports, "budgetAvailable", available);
}

}  // namespace amorsize::binding
