// Glue for the circuit breaker. A call of a closed breaker costs two calls without arguments, bound to it: `admit` and
// `succeed`; everything else names its breaker by number.
#include <node_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>

#include "binding/bindings.h"
#include "binding/breaker_handle.h"
#include "binding/bucket_handle.h"
#include "binding/environment.h"
#include "binding/hot_calls.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "binding/times.h"
#include "core/circuit_breaker.h"
#include "os/clock.h"

namespace amorsize::binding {

using core::BreakerState;
using core::CallResult;
using core::Permit;
using Breaker = core::CircuitBreaker<>;

bool BreakerHandle::succeed() {
  if (!may_enter()) return false;
  return !breaker.settle({Breaker::generation_of(seen_closed), -1, 0}, CallResult::kSucceeded, false, clock.now_ns());
}

namespace {

// Doubles of the array in which an admission travels; src/memory/breaker/native.ts has the same.
enum AdmissionField : size_t { kState, kGeneration, kRetryAfterMs, kPlace, kLeaseHigh, kLeaseLow, kAdmissionFields };

constexpr double kTwo32 = 4294967296.0;

double* fields_of(napi_env env, napi_value value, size_t count) {
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  const bool ok = napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok &&
                  type == napi_float64_array && length >= count && data != nullptr;
  if (!ok) throw_type(env, "breaker: a Float64Array was expected, long enough for all fields");
  return ok ? static_cast<double*>(data) : nullptr;
}

// The arguments every call starts with: the breaker's number; and for most the time in ms (NaN: read the clock).
template <size_t N>
struct BreakerCall : Args<N> {
  BreakerHandle* handle = nullptr;

  BreakerCall(napi_env env, napi_callback_info info) : Args<N>(env, info) {
    double number = -1;
    if (!this->ok || !read_double(env, this->values[0], &number)) number = -1;
    Environment* environment = Environment::of(env);
    if (environment != nullptr) handle = environment->breakers.find(number);
    if (handle == nullptr) throw_type(env, "breaker: no open breaker of this thread has that number");
  }

  bool now_ns(napi_env env, size_t index, int64_t* out) {
    double ms = 0;
    if (!read_double(env, this->values[index], &ms)) {
      throw_type(env, "breaker: the time must be a number of ms, or NaN for the system's clock");
      return false;
    }
    *out = std::isnan(ms) ? handle->clock.now_ns() : ns_from_ms(ms);
    return true;
  }
};

// The ordinary bound calls, for breakers beyond the trampolines.

BreakerHandle* bound_handle(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  return napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) == napi_ok ? static_cast<BreakerHandle*>(data)
                                                                                  : nullptr;
}

// admit(): undefined for a call that may be made, of the closed state JavaScript knows of; else false: ask
// `breakerAdmit`.
napi_value bound_admit(napi_env env, napi_callback_info info) {
  const BreakerHandle* handle = bound_handle(env, info);
  return handle == nullptr || handle->may_enter() ? nullptr : make_bool(env, false);
}

// succeed(): a call of that closed state succeeded, and was not slow. False when that state is over, or was ended by
// this.
napi_value bound_succeed(napi_env env, napi_callback_info info) {
  BreakerHandle* handle = bound_handle(env, info);
  return handle == nullptr || handle->succeed() ? nullptr : make_bool(env, false);
}

void forget_probe(BreakerHandle* handle, const Permit& permit) {
  auto& probes = handle->probes;
  probes.erase(
      std::remove_if(probes.begin(), probes.end(),
                     [&](const Permit& each) { return each.place == permit.place && each.lease == permit.lease; }),
      probes.end());
}

// Runs when a bound call is collected, and at the latest when the thread ends.
void close_breaker(napi_env env, void* data, void*) {
  if (--static_cast<BreakerHandle*>(data)->functions > 0) return;
  const std::unique_ptr<BreakerHandle> handle(static_cast<BreakerHandle*>(data));
  release_hot_calls(handle.get());
  for (const Permit& probe : handle->probes) handle->breaker.settle(probe, CallResult::kIgnored, false, 0);
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->breakers.remove(handle->number);
  handle->environment->release();
}

bool bind(napi_env env, const char* name, napi_callback callback, BreakerHandle* handle, napi_value* out) {
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, handle, out) != napi_ok) return false;
  if (napi_add_finalizer(env, *out, handle, close_breaker, nullptr, nullptr) != napi_ok) return false;
  ++handle->functions;
  return true;
}

// Returns [admit, succeed, number]. `view` may be nullptr for cells that live for ever.
napi_value open_cells(napi_env env, core::Word* cells, napi_value view, NamedCells named = {}) {
  Environment* environment = Environment::of(env);
  if (environment == nullptr) {
    named.release(env);
    return throw_type(env, "breaker: the environment is closing");
  }
  napi_ref reference = nullptr;
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));
  auto* const opened = new BreakerHandle{
      .breaker = Breaker(cells), .clock = {}, .environment = environment, .view = reference, .named = named};
  opened->functions = 1;  // this function's own share
  opened->number = environment->breakers.add(opened);
  environment->retain();
  napi_value admit = nullptr;
  napi_value succeed = nullptr;
  const uint32_t number = opened->number;
  const HotBreakerCalls hot = take_hot_calls(opened);
  const bool made = bind(env, "admit", hot.admit != nullptr ? hot.admit : bound_admit, opened, &admit) &&
                    bind(env, "succeed", hot.succeed != nullptr ? hot.succeed : bound_succeed, opened, &succeed);
  close_breaker(env, opened, nullptr);
  if (!made) return throw_last(env, "the breaker's functions");
  napi_value result = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 3, &result));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 0, admit));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 1, succeed));
  AMORSIZE_NAPI_OR_RETURN(env, napi_set_element(env, result, 2, make_double(env, number)));
  return result;
}

bool read_parameters(napi_env env, napi_value value, core::BreakerParameters* out) {
  const double* fields = fields_of(env, value, core::breaker_parameter::kCount);
  if (fields == nullptr) return false;
  std::copy_n(fields, core::breaker_parameter::kCount, out->values);
  if (out->valid()) return true;
  throw_range(env, "breaker: a parameter is out of range");
  return false;
}

int64_t creation_ns(double now_ms) { return std::isnan(now_ms) ? os::monotonic_ns() : ns_from_ms(now_ms); }

// The cells of a view, if they hold a breaker that fits in.
core::Word* breaker_of_view(napi_env env, napi_value view) {
  core::Word* cells = cells_of_view(env, view, core::breaker::kHeadCells);
  // order: acquire. Pairs with CircuitBreaker::initialize: the parameters are visible.
  if (cells == nullptr ||
      cells[core::breaker::kKind].load(std::memory_order_acquire) != core::kind_word(core::Kind::kCircuitBreaker))
    return nullptr;
  const Breaker breaker(cells);
  return breaker.parameters().valid() ? cells_of_view(env, view, breaker.parameters().cells()) : nullptr;
}

// breakerInitialize(view, parameters, nowMs): writes a closed breaker into zeroed cells that nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  core::BreakerParameters parameters{};
  double now_ms = 0;
  if (!args.ok || !read_double(env, args.values[2], &now_ms)) return throw_type(env, "breaker: a time was expected");
  if (!read_parameters(env, args.values[1], &parameters)) return nullptr;
  core::Word* cells = cells_of_view(env, args.values[0], parameters.cells());
  if (cells == nullptr)
    return throw_type(env,
                      "breaker: cells are a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes, large enough "
                      "for the parameters");
  Breaker::initialize(cells, creation_ns(now_ms), parameters);
  return nullptr;
}

// breakerOpen(view): [admit, succeed, number]
napi_value open(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  core::Word* cells = args.ok ? breaker_of_view(env, args.values[0]) : nullptr;
  if (cells == nullptr) return throw_type(env, "breaker: these cells hold no circuit breaker of this layout version");
  return open_cells(env, cells, args.values[0]);
}

// breakerOpenNamed(name, parameters, nowMs, machine): [admit, succeed, number]; `parameters` become those of the first
// user of the name.
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<4> args(env, info);
  bool machine = false;
  core::BreakerParameters parameters{};
  std::string name;
  double now_ms = 0;
  if (!args.ok || !read_string(env, args.values[0], &name) || !read_double(env, args.values[2], &now_ms) ||
      napi_get_value_bool(env, args.values[3], &machine) != napi_ok) {
    return throw_type(env, "breaker: a name, a time and whether it is the machine's were expected");
  }
  if (!read_parameters(env, args.values[1], &parameters)) return nullptr;
  const auto initialize = [&](core::Word* created) { Breaker::initialize(created, creation_ns(now_ms), parameters); };
  // What it has counted means nothing under other parameters.
  const auto adapt = [&](core::Word* found) { return core::BreakerParameters::read(found) == parameters; };
  NamedCells opened =
      named_cells(env, {machine, core::Kind::kCircuitBreaker, name, parameters.cells(), initialize, adapt, true});
  if (opened.words == nullptr) return nullptr;
  const auto founding = core::BreakerParameters::read(opened.words);
  // What another process wrote is believed only as far as it can do no harm.
  if (!founding.valid() || (machine && founding.cells() != opened.cells)) {
    opened.release(env);
    return throw_range(env, "breaker: the memory of that name is damaged");
  }
  std::copy_n(founding.values, core::breaker_parameter::kCount,
              fields_of(env, args.values[1], core::breaker_parameter::kCount));
  return open_cells(env, opened.words, nullptr, opened);
}

// breakerParameters(number, out)
napi_value parameters(napi_env env, napi_callback_info info) {
  BreakerCall<2> call(env, info);
  double* out = call.handle == nullptr ? nullptr : fields_of(env, call.values[1], core::breaker_parameter::kCount);
  if (out != nullptr) std::copy_n(call.handle->breaker.parameters().values, core::breaker_parameter::kCount, out);
  return nullptr;
}

// breakerAdmit(number, nowMs, admission): whether the call may be made. From then on the bound calls are for its
// generation.
napi_value admit(napi_env env, napi_callback_info info) {
  BreakerCall<3> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  double* out = fields_of(env, call.values[2], kAdmissionFields);
  if (out == nullptr) return nullptr;
  BreakerHandle* handle = call.handle;
  const int64_t control = handle->breaker.control();
  const core::BreakerAdmission admission = handle->breaker.admit(now_ns);
  const bool is_closed = admission.admitted && admission.state == BreakerState::kClosed;
  // If it moved between the two, the next call finds out.
  handle->seen_closed = is_closed && Breaker::generation_of(control) == admission.generation ? control : 0;
  if (admission.permit.place >= 0) handle->probes.push_back(admission.permit);
  out[kState] = static_cast<double>(admission.state);
  out[kGeneration] = static_cast<double>(admission.generation);
  out[kRetryAfterMs] = admission.retry_after_ns == core::kNeverAdmits
                           ? std::numeric_limits<double>::infinity()
                           : static_cast<double>(admission.retry_after_ns) / kNsPerMs;
  out[kPlace] = static_cast<double>(admission.permit.place);
  out[kLeaseHigh] = static_cast<double>(admission.permit.lease >> 32);
  out[kLeaseLow] = static_cast<double>(admission.permit.lease & 0xFFFF'FFFF);
  return make_bool(env, admission.admitted);
}

// breakerSettle(number, nowMs, admission, result, slow): whether this made a transition
napi_value settle(napi_env env, napi_callback_info info) {
  BreakerCall<5> call(env, info);
  int64_t now_ns = 0;
  double result = -1;
  bool slow = false;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  const double* fields = fields_of(env, call.values[2], kAdmissionFields);
  if (fields == nullptr) return nullptr;
  const auto whole = [](double value, double max) { return value >= 0 && value < max && std::floor(value) == value; };
  const bool is_probe = fields[kPlace] >= 0;
  const double places = static_cast<double>(call.handle->breaker.parameters().success_threshold());
  const bool ok = read_double(env, call.values[3], &result) && whole(result, 3) &&
                  napi_get_value_bool(env, call.values[4], &slow) == napi_ok && whole(fields[kGeneration], 0x1p53) &&
                  (!is_probe || (whole(fields[kPlace], places) && whole(fields[kLeaseHigh], 0x1p31) &&
                                 whole(fields[kLeaseLow], kTwo32)));
  if (!ok) return throw_range(env, "breaker: this is no admission, or no result of a call");
  Permit permit{static_cast<int64_t>(fields[kGeneration]), -1, 0};
  if (is_probe) {
    permit.place = static_cast<int64_t>(fields[kPlace]);
    permit.lease = static_cast<int64_t>(fields[kLeaseHigh]) << 32 | static_cast<int64_t>(fields[kLeaseLow]);
    forget_probe(call.handle, permit);
  }
  return make_bool(
      env, call.handle->breaker.settle(permit, static_cast<CallResult>(static_cast<int64_t>(result)), slow, now_ns));
}

// breakerForce(number, isolate): isolates or closes; whether this made a transition
napi_value force(napi_env env, napi_callback_info info) {
  BreakerCall<2> call(env, info);
  bool isolate = false;
  if (call.handle == nullptr) return nullptr;
  if (napi_get_value_bool(env, call.values[1], &isolate) != napi_ok)
    return throw_type(env, "breaker: a boolean was expected");
  return make_bool(env, isolate ? call.handle->breaker.isolate() : call.handle->breaker.close());
}

// breakerState(number, nowMs): the state, as a call would find it
napi_value state(napi_env env, napi_callback_info info) {
  BreakerCall<2> call(env, info);
  int64_t now_ns = 0;
  if (call.handle == nullptr || !call.now_ns(env, 1, &now_ns)) return nullptr;
  return make_double(env, static_cast<double>(call.handle->breaker.state(now_ns)));
}

// breakerControl(number, out): writes state and generation as they stand
napi_value control(napi_env env, napi_callback_info info) {
  BreakerCall<2> call(env, info);
  double* out = call.handle == nullptr ? nullptr : fields_of(env, call.values[1], kAdmissionFields);
  if (out == nullptr) return nullptr;
  const int64_t now = call.handle->breaker.control();
  out[kState] = static_cast<double>(Breaker::state_of(now));
  out[kGeneration] = static_cast<double>(Breaker::generation_of(now));
  return nullptr;
}

}  // namespace

bool register_circuit_breaker(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"breakerInitialize", initialize}, {"breakerOpen", open},   {"breakerOpenNamed", open_named},
      {"breakerParameters", parameters}, {"breakerAdmit", admit}, {"breakerSettle", settle},
      {"breakerForce", force},           {"breakerState", state}, {"breakerControl", control},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
