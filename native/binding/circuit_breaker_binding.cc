// Glue for the circuit breaker. A call of a closed breaker costs two calls without arguments, bound to it: `admit` and
// `succeed`; everything else names its breaker by number.
#include <node_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "binding/bindings.h"
#include "binding/breaker_handle.h"
#include "binding/call.h"
#include "binding/hot_calls.h"
#include "core/circuit_breaker.h"

namespace amorsize::binding {

using core::BreakerState;
using core::CallResult;
using core::Permit;
using Breaker = core::CircuitBreaker<>;

bool BreakerHandle::succeed() {
  if (!may_enter()) return false;
  return !breaker.settle({Breaker::generation_of(seen_passing), -1, 0}, CallResult::kSucceeded, false, clock.now_ns());
}

void BreakerHandle::leave(napi_env) {
  release_hot_calls(this);
  for (const Permit& probe : probes) breaker.settle(probe, CallResult::kIgnored, false, 0);
}

namespace {

// Doubles of the array in which an admission travels; src/memory/breaker/native.ts has the same.
enum AdmissionField : size_t { kState, kGeneration, kRetryAfterMs, kPlace, kLeaseHigh, kLeaseLow, kAdmissionFields };
// Of that of `breakerControl`, which begins as an admission does.
enum ControlField : size_t { kTransitions = 2, kControlFields };

constexpr double kTwo32 = 4294967296.0;

void forget_probe(BreakerHandle* handle, const Permit& permit) {
  auto& probes = handle->probes;
  probes.erase(
      std::remove_if(probes.begin(), probes.end(),
                     [&](const Permit& each) { return each.place == permit.place && each.lease == permit.lease; }),
      probes.end());
}

// Returns [admit, succeed, number]. `view` may be nullptr for cells that live for ever.
napi_value open_cells(napi_env env, core::Word* cells, napi_value view, NamedCells named = {}) {
  Opening<BreakerHandle> opening(env, view, named, Breaker(cells));
  if (opening.handle == nullptr) return opening.result();
  const BreakerCalls calls = take_hot_calls(opening.handle);
  opening.add_bound("admit", calls.admit);
  opening.add_bound("succeed", calls.succeed);
  opening.add_number();
  return opening.result();
}

// The parameters in argument `index`, which is left as it is.
core::BreakerParameters read_parameters(Reader& args, size_t index) {
  core::BreakerParameters parameters{};
  const double* const fields = args.doubles(index, core::breaker_parameter::kCount);
  if (fields == nullptr) return parameters;
  std::copy_n(fields, core::breaker_parameter::kCount, parameters.values);
  if (!parameters.valid()) args.out_of_range(parameters.rule_of(parameters.wrong()), parameters[parameters.wrong()]);
  return parameters;
}

// breakerInitialize(view, parameters, nowMs): writes a closed breaker into zeroed cells that nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info, BreakerHandle::kSubject);
  const core::BreakerParameters parameters = read_parameters(args, 1);
  const double now_ms = args.number(2, rules::kTime);
  core::Word* const cells = args.ok ? args.cells(0, parameters.cells()) : nullptr;
  if (args.ok) Breaker::initialize(cells, founding_ns(now_ms), parameters);
  return nullptr;
}

// breakerOpen(view): [admit, succeed, number]
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info, BreakerHandle::kSubject);
  core::Word* const cells = args.cells(0, core::breaker::kHeadCells);
  if (!args.ok) return nullptr;
  const auto founding = core::BreakerParameters::read(cells);
  if (!core::is_of_kind(cells, BreakerHandle::kKind) || !founding.valid())
    return throw_type(env, "breaker: these cells hold no circuit breaker of this layout version");
  return args.cells(0, founding.cells()) != nullptr ? open_cells(env, cells, args.values[0]) : nullptr;
}

// breakerOpenNamed(name, parameters, nowMs, machine): [admit, succeed, number]; `parameters` become those of the first
// user of the name.
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info, BreakerHandle::kSubject);
  const std::string name = args.name(0);
  const core::BreakerParameters parameters = read_parameters(args, 1);
  const double now_ms = args.number(2, rules::kTime);
  const bool machine = args.is_machine(3);
  if (!args.ok) return nullptr;
  const auto initialize = [&](core::Word* created) { Breaker::initialize(created, founding_ns(now_ms), parameters); };
  // What it has counted means nothing under other parameters. Where these only came by an update it keeps its state:
  // who isolated it did not mean that to end with the update.
  const auto adapt = [&](core::Word* found) {
    Breaker breaker(found);
    if (!(breaker.founding() == parameters)) return false;
    breaker.restore(founding_ns(now_ms));
    return true;
  };
  NamedCells opened =
      named_cells(env, {machine, core::Kind::kCircuitBreaker, name, parameters.cells(), initialize, adapt, true});
  if (opened.words == nullptr) return nullptr;
  const auto founding = core::BreakerParameters::read(opened.words);
  // What another process wrote is believed only as far as it can do no harm.
  if (!founding.valid() || (machine && founding.cells() != opened.cells)) return refuse_damaged(env, opened);
  std::copy_n(founding.values, core::breaker_parameter::kCount, args.doubles(1, core::breaker_parameter::kCount));
  return open_cells(env, opened.words, nullptr, opened);
}

// breakerParameters(number, out): writes those in force; their generation
napi_value parameters(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 2> call(env, info);
  double* const out = call.doubles(1, core::breaker_parameter::kCount);
  if (!call.ok) return nullptr;
  const int64_t control = call.handle->breaker.keep_up();
  std::copy_n(call.handle->breaker.parameters().values, core::breaker_parameter::kCount, out);
  return make_double(env, static_cast<double>(Breaker::generation_of(control)));
}

// breakerUpdate(number, nowMs, generation, parameters): the UpdateResult
napi_value update(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 4> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  const auto generation = call.whole(2, rules::kGeneration);
  const core::BreakerParameters parameters = read_parameters(call, 3);
  if (call.ok && !parameters.fits(call.handle->breaker.founding()))
    call.out_of_range("there is no room for these parameters");
  return call.ok ? make_double(env, static_cast<double>(call.handle->breaker.update(generation, parameters, now_ns)))
                 : nullptr;
}

// breakerAdmit(number, nowMs, admission): whether the call may be made. From then on the bound calls are for its
// generation.
napi_value admit(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 3> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  double* const out = call.doubles(2, kAdmissionFields);
  if (!call.ok) return nullptr;
  BreakerHandle* handle = call.handle;
  const int64_t control = handle->breaker.control();
  const int64_t row = handle->named.mapping == nullptr ? 0 : os::machine_row(*handle->named.mapping);
  const core::BreakerAdmission admission =
      handle->breaker.admit(now_ns, row, [handle](int64_t each) { return handle->is_gone(each); });
  const bool is_passing = admission.admitted && admission.permit.place < 0;
  // If it moved between the two, the next call finds out.
  handle->seen_passing = is_passing && Breaker::generation_of(control) == admission.generation ? control : 0;
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

// The permit in argument `index`, as `admit` wrote it.
Permit read_permit(Call<BreakerHandle, 5>& call, size_t index) {
  const double* const fields = call.doubles(index, kAdmissionFields);
  if (fields == nullptr) return {};
  const auto whole = [](double value, double max) { return value >= 0 && value < max && std::floor(value) == value; };
  const auto places = static_cast<double>(call.handle->breaker.founding().probe_places());
  const bool is_probe = fields[kPlace] >= 0;
  if (!whole(fields[kGeneration], 0x1p53) ||
      (is_probe &&
       (!whole(fields[kPlace], places) || !whole(fields[kLeaseHigh], 0x1p31) || !whole(fields[kLeaseLow], kTwo32)))) {
    call.out_of_range("this is no admission");
    return {};
  }
  const auto generation = static_cast<int64_t>(fields[kGeneration]);
  if (!is_probe) return {generation, -1, 0};
  return {generation, static_cast<int64_t>(fields[kPlace]),
          static_cast<int64_t>(fields[kLeaseHigh]) << 32 | static_cast<int64_t>(fields[kLeaseLow])};
}

// breakerSettle(number, nowMs, admission, result, slow): whether this made a transition
napi_value settle(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 5> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  const Permit permit = read_permit(call, 2);
  const auto result = static_cast<CallResult>(call.whole(3, rules::kCallResult));
  const bool slow = call.boolean(4);
  if (!call.ok) return nullptr;
  if (permit.place >= 0) forget_probe(call.handle, permit);
  return make_bool(env, call.handle->breaker.settle(permit, result, slow, now_ns));
}

// breakerForce(number, state): into this state; whether this made a transition
napi_value force(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 2> call(env, info);
  const auto state = static_cast<BreakerState>(call.whole(1, rules::kBreakerState));
  return call.ok ? make_bool(env, call.handle->breaker.force(state)) : nullptr;
}

// breakerState(number, nowMs): the state, as a call would find it
napi_value state(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 2> call(env, info);
  const int64_t now_ns = call.now_ns(1);
  return call.ok ? make_double(env, static_cast<double>(call.handle->breaker.state(now_ns))) : nullptr;
}

// breakerControl(number, out): writes state and generation as they stand, and how many of the generations began with a
// transition
napi_value control(napi_env env, napi_callback_info info) {
  Call<BreakerHandle, 2> call(env, info);
  double* const out = call.doubles(1, kControlFields);
  if (!call.ok) return nullptr;
  const int64_t now = call.handle->breaker.keep_up();
  out[kState] = static_cast<double>(Breaker::state_of(now));
  out[kGeneration] = static_cast<double>(Breaker::generation_of(now));
  out[kTransitions] = static_cast<double>(Breaker::generation_of(now) - call.handle->breaker.updates());
  return nullptr;
}

}  // namespace

bool register_circuit_breaker(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"breakerInitialize", initialize},
      {"breakerOpen", open},
      {"breakerOpenNamed", open_named},
      {"breakerParameters", parameters},
      {"breakerAdmit", admit},
      {"breakerSettle", settle},
      {"breakerForce", force},
      {"breakerState", state},
      {"breakerControl", control},
      {"breakerUpdate", update},
      {"breakerLetGo", let_go<BreakerHandle>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
