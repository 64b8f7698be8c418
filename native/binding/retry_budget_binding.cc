// Glue for retry budgets that all threads share by name. A deposit on the system's clock is one call without arguments.
#include <node_api.h>

#include <bit>
#include <cmath>
#include <memory>
#include <string>

#include "binding/bindings.h"
#include "binding/environment.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/retry_budget.h"
#include "os/clock.h"
#include "os/process_names.h"

namespace amorsize::binding {

using Budget = core::RetryBudget<>;

// A budget as one thread holds it. Its cells live for ever.
struct BudgetHandle {
  Budget budget;
  os::FastClock clock;
  Environment* environment;
  uint32_t number;
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

void close_budget(napi_env, void* data, void*) {
  const std::unique_ptr<BudgetHandle> handle(static_cast<BudgetHandle*>(data));
  handle->environment->budgets.remove(handle->number);
  handle->environment->release();
}

// budgetOpenNamed(name, ratio, reserve, ttlMs, [ratio, reserve, ttlMs of the first user]): [deposit, number]
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<5> args(env, info);
  std::string name;
  double ratio = 0;
  double reserve = 0;
  double ttl_ms = 0;
  const bool ok = args.ok && read_string(env, args.values[0], &name) && read_double(env, args.values[1], &ratio) &&
                  read_double(env, args.values[2], &reserve) && read_double(env, args.values[3], &ttl_ms) && ratio >= 0 && ratio <= 1e3 && reserve >= 0 &&
                  ttl_ms >= 1 && ttl_ms <= 1e9;
  if (!ok) return throw_range(env, "budget: a name, a ratio of at most 1000, a reserve >= 0 and a time from 1 to 1e9 ms were expected");
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, args.values[4], &type, &length, &data, nullptr, nullptr) != napi_ok || type != napi_float64_array || length < 3) {
    return throw_type(env, "budget: a Float64Array of 3 was expected");
  }
  Environment* environment = Environment::of(env);
  if (environment == nullptr) return throw_type(env, "budget: the environment is closing");

  constexpr size_t kFounding = core::retry_budget::kCells * core::kWordsPerCell;  // one more cell: what the name was created with
  core::Word* cells = os::find_or_create_cells(core::Kind::kRetryBudget, name, core::retry_budget::kCells + 1, [&](core::Word* created) {
    Budget(created).initialize(static_cast<int64_t>(std::round(ratio * kUnits)), static_cast<int64_t>(std::fmin(std::round(reserve * kUnits), kMaxUnits)),
                               static_cast<int64_t>(ttl_ms * kNsPerMs / static_cast<double>(core::retry_budget::kSlices)));
    const double founding[] = {ratio, reserve, ttl_ms};
    // order: relaxed. The table's lock, taken by find_or_create_cells, orders them.
    for (size_t i = 0; i < 3; ++i) created[kFounding + i].store(std::bit_cast<int64_t>(founding[i]), std::memory_order_relaxed);
  });
  if (cells == nullptr) return throw_range(env, "budget: no memory for another name");
  // order: relaxed, as above.
  for (size_t i = 0; i < 3; ++i) static_cast<double*>(data)[i] = std::bit_cast<double>(cells[kFounding + i].load(std::memory_order_relaxed));

  auto* const opened = new BudgetHandle{Budget(cells), {}, environment, 0};
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
  return handle == nullptr ? nullptr : make_double(env, static_cast<double>(handle->budget.available(handle->clock.now_ns())) / kUnits);
}

}  // namespace

bool register_retry_budget(napi_env env, napi_value exports) {
  return add_function(env, exports, "budgetOpenNamed", open_named) && add_function(env, exports, "budgetTryWithdraw", try_withdraw) &&
         add_function(env, exports, "budgetAvailable", available);
}

}  // namespace amorsize::binding
