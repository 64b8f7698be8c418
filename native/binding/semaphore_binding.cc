// Glue for the semaphore. The two calls of the common case, `take()` and `give()`, are bound to their semaphore;
// everything else names it by number. A semaphore as one thread holds it is a row in its cells; when the thread ends,
// in whatever way, the handle is finalized and the row buried: places given up, permits given back.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include <node_api.h>

#include <cmath>
#include <string>

#include "binding/bindings.h"
#include "binding/call.h"
#include "binding/doorbell.h"
#include "binding/hot_slots.h"
#include "core/semaphore.h"
#include "os/process_identity.h"

namespace amorsize::binding {

struct SemaphoreHandle : Handle {
  static constexpr core::Kind kKind = core::Kind::kSemaphore;
  static constexpr const char* kSubject = "semaphore";

  core::Semaphore<> semaphore;
  core::Semaphore<>::Identity self;
  core::Owner owner;
  bool machine;                    // others use it whose end is to be found out
  int slot = -1;                   // of the bound calls; -1: the ordinary ones
  core::Sightings sightings = {};  // of the other rows

  // Gives up the places and permits of this thread.
  void leave(napi_env env);
};

namespace {

using core::Owner;
using core::SemaphoreShape;

constexpr int kHotSemaphores = 32;

// Doorbells are of this process. A thread of another one, which waits, looks every few milliseconds by itself.
bool is_here(const SemaphoreHandle* handle, const core::Semaphore<>::Identity& who) {
  return !handle->machine || (who.process == handle->self.process && who.space == handle->self.space);
}

void wake(const SemaphoreHandle* handle, Owner owner) {
  const auto who = handle->semaphore.identity(owner);
  if (is_here(handle, who)) ring(static_cast<uint32_t>(who.doorbell));
}

// Takes back what threads of processes that have ended hold. Cost: about 10 us for each process but this one.
template <class Wake>
void bury_dead(core::Semaphore<> semaphore, const core::Semaphore<>::Identity& self, Wake wake_one) {
  int64_t alive = self.process;
  for (Owner owner = 1; owner <= semaphore.rows(); ++owner) {
    const auto who = semaphore.identity(owner);
    if (who.process == 0 || who.process == alive) continue;
    if (os::is_alive({who.process, who.space})) {
      alive = who.process;
    } else if (semaphore.inherit(owner, who.process, {self.process, self.space, kNoDoorbell})) {
      semaphore.bury(owner, wake_one);
    }
  }
}

// Wakes whom a permit was handed to. True, and no ring, where that is a caller of this same thread.
bool tell(const SemaphoreHandle* handle, Owner owner) {
  const auto who = handle->semaphore.identity(owner);
  const bool own = is_here(handle, who) && who.doorbell == handle->self.doorbell;
  if (!own) wake(handle, owner);
  return own;
}

// Hands over what the limit leaves room for. Returns whether any of it went to a caller of this same thread.
bool grant_all(const SemaphoreHandle* handle) {
  bool own = false;
  core::Semaphore<> semaphore = handle->semaphore;
  for (Owner next = semaphore.grant(handle->owner); next != core::kNobody; next = semaphore.grant(handle->owner))
    own = tell(handle, next) || own;
  return own;
}

// take(): undefined for a permit, false for none: making a value costs a call.
napi_value take(napi_env env, SemaphoreHandle* handle) {
  return handle->semaphore.try_acquire(handle->owner) ? nullptr : make_bool(env, false);
}

// give(): undefined; true where the permit was handed to a caller of this same thread, who needs no bell.
napi_value give(napi_env env, SemaphoreHandle* handle) {
  if (handle->semaphore.usable(handle->owner) == 0) return throw_range(env, "semaphore: this thread holds no permit");
  bool anybody_waits = false;
  const Owner next = handle->semaphore.release(handle->owner, &anybody_waits);
  bool own = next != core::kNobody && tell(handle, next);
  if (anybody_waits) own = grant_all(handle) || own;
  return own ? make_bool(env, true) : nullptr;
}

using Slots = HotSlots<SemaphoreHandle, kHotSemaphores>;

// Claims a row and returns [take, give, number, maxConcurrent, maxQueue, least], or null when all rows are in use.
// `view` may be nullptr for cells that live for ever. `doorbell`: what is rung for who waits here.
napi_value open_semaphore(napi_env env, core::Word* cells, SemaphoreShape shape, napi_value view, uint32_t doorbell,
                          NamedCells named = {}) {
  const bool machine = named.mapping != nullptr || os::kThreadsAreProcesses;
  core::Semaphore<> semaphore(cells, shape);
  const core::ProcessIdentity process = os::own_process();
  const core::Semaphore<>::Identity self{process.process, process.space, doorbell};
  if (machine) {
    // Whom that wakes in this process finds out by itself: nobody here holds a handle yet that could.
    bury_dead(semaphore, self, [&](Owner next) { ring(static_cast<uint32_t>(semaphore.identity(next).doorbell)); });
  }
  const Owner owner = semaphore.claim(self);
  if (owner == core::kNobody) {
    named.release(env);
    napi_value none = nullptr;
    napi_get_null(env, &none);
    return none;
  }
  Opening<SemaphoreHandle> opening(env, view, named, semaphore, self, owner, machine);
  SemaphoreHandle* const handle = opening.handle;
  if (handle == nullptr) {
    semaphore.bury(owner, [](Owner) {});
    return opening.result();
  }
  handle->slot = Slots::take(handle);
  opening.add_bound("take", Slots::callback<take>(handle->slot));
  opening.add_bound("give", Slots::callback<give>(handle->slot));
  opening.add_number();
  // order: relaxed. Whoever opened the cells has acquired the word of their kind.
  const auto word = [cells](size_t index) { return static_cast<double>(cells[index].load(std::memory_order_relaxed)); };
  opening.add(make_double(env, word(core::semaphore::kMaxConcurrent)));
  opening.add(make_double(env, word(core::semaphore::kMaxQueue)));
  opening.add(make_double(env, shape.least));
  return opening.result();
}

// The doorbell of this thread whose number is argument `index`.
uint32_t read_doorbell(Reader& args, napi_env env, size_t index) {
  const auto id = static_cast<uint32_t>(args.whole(index, rules::kDoorbell));
  if (args.ok && !is_doorbell_of(env, id)) args.wrong_type("a doorbell of this thread was expected");
  return id;
}

struct Founding {
  SemaphoreShape shape;
  int64_t max_concurrent;
  int64_t max_queue;

  // Reads rows, places, maxConcurrent, maxQueue (-1: no bound) and the least of an adaptive limit (0: a fixed one) from
  // argument `first` on.
  static Founding read(Reader& args, size_t first) {
    const int64_t rows = args.whole(first, rules::kRows);
    const int64_t places = args.whole(first + 1, rules::kPlaces);
    const int64_t least = args.whole(first + 4, rules::kLeast);
    const int64_t max_concurrent = args.whole(first + 2, least == 0 ? rules::kPermits : rules::kAdaptivePermits);
    const int64_t max_queue = args.whole(first + 3, rules::kQueue);
    const SemaphoreShape shape{static_cast<uint32_t>(rows), static_cast<uint32_t>(places),
                               static_cast<uint32_t>(least)};
    if (!shape.is_valid()) args.out_of_range("no semaphore has so many rows and places");
    if (least > max_concurrent)
      args.out_of_range({"min", 1, static_cast<double>(max_concurrent), core::NumberRule::kWhole},
                        static_cast<double>(least));
    return {shape, max_concurrent, max_queue};
  }
};

// semaphoreInitialize(view, rows, places, maxConcurrent, maxQueue, least): writes a semaphore into zeroed cells that
// nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info, SemaphoreHandle::kSubject);
  const Founding founding = Founding::read(args, 1);
  core::Word* const cells = args.ok ? args.cells(0, founding.shape.cells()) : nullptr;
  if (!args.ok) return nullptr;
  core::Semaphore<>(cells, founding.shape).initialize(founding.max_concurrent, founding.max_queue);
  return nullptr;
}

// semaphoreOpen(view, doorbell): [take, give, number, maxConcurrent, maxQueue, least] or null
napi_value open(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info, SemaphoreHandle::kSubject);
  core::Word* const cells = args.cells(0, 1);
  const uint32_t doorbell = read_doorbell(args, env, 1);
  if (!args.ok) return nullptr;
  if (!core::is_of_kind(cells, SemaphoreHandle::kKind))
    return throw_type(env, "semaphore: these cells hold no semaphore of this layout version");
  const SemaphoreShape shape = SemaphoreShape::of_word(cells[core::semaphore::kShape].load(std::memory_order_relaxed));
  if (!shape.is_valid()) return throw_type(env, "semaphore: these cells are damaged");
  if (args.cells(0, shape.cells()) == nullptr) return nullptr;
  return open_semaphore(env, cells, shape, args.values[0], doorbell);
}

// semaphoreOpenNamed(name, machine, rows, places, maxConcurrent, maxQueue, least, doorbell): the same; the first user
// of the name decides about the numbers
napi_value open_named(napi_env env, napi_callback_info info) {
  Arguments<8> args(env, info, SemaphoreHandle::kSubject);
  const std::string name = args.name(0);
  const bool machine = args.is_machine(1);
  const Founding founding = Founding::read(args, 2);
  const uint32_t doorbell = read_doorbell(args, env, 7);
  if (!args.ok) return nullptr;
  const auto make = [&](core::Word* created) {
    core::Semaphore<>(created, founding.shape).initialize(founding.max_concurrent, founding.max_queue);
  };
  // One that nobody uses has all its permits and no queue: to keep it is to make it again, but for what an adaptive
  // limit has learnt. What it was changed to does not outlast its users.
  const auto adapt = [&](core::Word* found) {
    const bool is_same =
        found[core::semaphore::kShape].load(std::memory_order_relaxed) == founding.shape.word() &&
        found[core::semaphore::kMaxConcurrent].load(std::memory_order_relaxed) == founding.max_concurrent &&
        found[core::semaphore::kMaxQueue].load(std::memory_order_relaxed) == founding.max_queue;
    const core::SemaphoreTerms first{founding.max_concurrent, int64_t{founding.shape.least}, founding.max_queue};
    if (is_same) found[core::semaphore::kTerms].store(first.word(), std::memory_order_relaxed);
    return is_same;
  };
  // An adaptive semaphore has a cell more: which of the two is in use is for the caller to judge.
  NamedCells opened =
      named_cells(env, {machine, core::Kind::kSemaphore, name, founding.shape.cells(), make, adapt, true});
  if (opened.words == nullptr) return nullptr;
  // What another process wrote is believed only as far as it can do no harm.
  const SemaphoreShape shape =
      SemaphoreShape::of_word(opened.words[core::semaphore::kShape].load(std::memory_order_relaxed));
  const bool has_cells = !machine || shape.cells() <= opened.cells;
  if (!shape.is_valid() || !has_cells || shape.rows != founding.shape.rows || shape.places != founding.shape.places)
    return refuse_damaged(env, opened);
  return open_semaphore(env, opened.words, shape, nullptr, doorbell, opened);
}

// A function of a semaphore's number that returns a number.
template <double (*kAsk)(SemaphoreHandle*)>
napi_value ask(napi_env env, napi_callback_info info) {
  Call<SemaphoreHandle, 1> call(env, info);
  return call.ok ? make_double(env, kAsk(call.handle)) : nullptr;
}

double acquire(SemaphoreHandle* handle) { return static_cast<double>(handle->semaphore.acquire(handle->owner)); }
double take_low(SemaphoreHandle* handle) { return handle->semaphore.try_acquire_low(handle->owner) ? 1 : 0; }
double cancel(SemaphoreHandle* handle) { return handle->semaphore.cancel(handle->owner) ? 1 : 0; }
double held(SemaphoreHandle* handle) { return handle->semaphore.usable(handle->owner); }
double limit(SemaphoreHandle* handle) { return handle->semaphore.limit(); }
double in_use(SemaphoreHandle* handle) { return handle->semaphore.in_use(); }
double available(SemaphoreHandle* handle) { return handle->semaphore.available(); }
double waiting(SemaphoreHandle* handle) { return static_cast<double>(handle->semaphore.waiting()); }

// semaphoreReclaim(number, nowMs): takes back what threads hold that have ended in other processes, and what was handed
// to threads that do not notice.
napi_value reclaim(napi_env env, napi_callback_info info) {
  Call<SemaphoreHandle, 2> call(env, info);
  const auto now_ms = static_cast<int64_t>(call.number(1, rules::kMs));
  if (!call.ok) return nullptr;
  SemaphoreHandle* const handle = call.handle;
  const auto wake_one = [handle](Owner next) { wake(handle, next); };
  if (handle->machine) bury_dead(handle->semaphore, handle->self, wake_one);
  handle->semaphore.pass_over_late(handle->owner, &handle->sightings, now_ms, wake_one);
  return nullptr;
}

// semaphoreEnded(number, nowMs, ms): an adaptive semaphore counts a call that took `ms`, below 0 for one that a time
// limit cut off. Its permit is still to be given back. Whether another one was handed to a caller of this same thread.
napi_value ended(napi_env env, napi_callback_info info) {
  Call<SemaphoreHandle, 3> call(env, info);
  const auto now_ms = static_cast<int64_t>(call.number(1, rules::kMs));
  const double ms = call.number(2, rules::kAmount);
  if (call.ok && !call.handle->semaphore.is_adaptive()) call.wrong_type("this semaphore has a fixed limit");
  if (!call.ok) return nullptr;
  core::Semaphore<>& semaphore = call.handle->semaphore;
  auto limit = semaphore.adaptive_limit();
  const double us = std::fmin(ms * 1e3, static_cast<double>(core::adaptive::kMostUs));
  const bool moved = us < 0 ? limit.drop(now_ms) : limit.add(now_ms, static_cast<int64_t>(us), semaphore.in_use());
  if (moved) semaphore.announce(call.handle->owner);
  return make_bool(env, moved && grant_all(call.handle));
}

// semaphoreTerms(number, out): writes maxConcurrent, maxQueue (-1: no bound) and the least of an adaptive limit, as
// they are in force
napi_value terms(napi_env env, napi_callback_info info) {
  Call<SemaphoreHandle, 2> call(env, info);
  double* const out = call.ok ? call.doubles(1, 3) : nullptr;
  if (!call.ok) return nullptr;
  const core::SemaphoreTerms now = call.handle->semaphore.terms();
  out[0] = static_cast<double>(now.most);
  out[1] = static_cast<double>(now.max_queue);
  out[2] = static_cast<double>(now.least);
  return nullptr;
}

// semaphoreUpdate(number, maxConcurrent, maxQueue, least): changes them for all, and lets in whom that lets in; NaN
// keeps what is in force. False, and nothing has changed, where the least would be more than the most.
napi_value update(napi_env env, napi_callback_info info) {
  Call<SemaphoreHandle, 4> call(env, info);
  const bool is_adaptive = call.ok && call.handle->semaphore.is_adaptive();
  const double most = call.number(1, is_adaptive ? rules::kNewAdaptivePermits : rules::kNewPermits);
  const double max_queue = call.number(2, rules::kNewQueue);
  const double least = call.number(3, rules::kNewLeast);
  if (!call.ok) return nullptr;
  SemaphoreHandle* const handle = call.handle;
  if (!is_adaptive && !std::isnan(least)) call.wrong_type("this semaphore has a fixed limit");
  if (!call.ok) return nullptr;
  const auto put = [](int64_t* term, double value) {
    if (!std::isnan(value)) *term = static_cast<int64_t>(value);
  };
  const bool done = handle->semaphore.update(handle->owner, [&](core::SemaphoreTerms* terms) {
    put(&terms->most, most);
    put(&terms->max_queue, max_queue);
    put(&terms->least, least);
    return terms->least <= terms->most;
  });
  // Whom of this thread that lets in, its caller looks for.
  if (done) grant_all(handle);
  return make_bool(env, done);
}

// Permits that were handed to this thread since it last asked, and those that are free for callers that were passed
// over.
double collect(SemaphoreHandle* handle) {
  uint32_t fresh = handle->semaphore.collect(handle->owner);
  if (grant_all(handle)) fresh += handle->semaphore.collect(handle->owner);
  return fresh;
}

}  // namespace

void SemaphoreHandle::leave(napi_env) {
  semaphore.bury(owner, [this](Owner next) { wake(this, next); });
  Slots::release(slot);
}

bool register_semaphore(napi_env env, napi_value exports) {
  constexpr NamedFunction kFunctions[] = {
      {"semaphoreInitialize", initialize},
      {"semaphoreOpen", open},
      {"semaphoreOpenNamed", open_named},
      {"semaphoreAcquire", ask<acquire>},
      {"semaphoreCancel", ask<cancel>},
      {"semaphoreCollect", ask<collect>},
      {"semaphoreHeld", ask<held>},
      {"semaphoreAvailable", ask<available>},
      {"semaphoreWaiting", ask<waiting>},
      {"semaphoreReclaim", reclaim},
      {"semaphoreTakeLow", ask<take_low>},
      {"semaphoreLimit", ask<limit>},
      {"semaphoreInUse", ask<in_use>},
      {"semaphoreEnded", ended},
      {"semaphoreTerms", terms},
      {"semaphoreUpdate", update},
      {"semaphoreLetGo", let_go<SemaphoreHandle>},
  };
  return add_functions(env, exports, kFunctions);
}

}  // namespace amorsize::binding
