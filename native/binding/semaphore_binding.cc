// Glue for the semaphore. The two calls of the common case, `take()` and `give()`, are bound to their semaphore;
// everything else names it by number. A semaphore as one thread holds it is a row in its cells; when the thread ends,
// in whatever way, the handle is finalized and the row buried: places given up, permits given back.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O2")
#endif

#include <node_api.h>

#include <cmath>
#include <iterator>
#include <memory>
#include <string>

#include "binding/bindings.h"
#include "binding/bucket_handle.h"
#include "binding/doorbell.h"
#include "binding/environment.h"
#include "binding/hot_slots.h"
#include "binding/named_cells.h"
#include "binding/napi_args.h"
#include "core/semaphore.h"
#include "os/process_identity.h"

namespace amorsize::binding {

struct SemaphoreHandle {
  core::Semaphore<> semaphore;
  Environment* environment;
  core::Semaphore<>::Identity self;
  core::Owner owner;
  uint32_t seen;  // grants that have been collected
  bool machine;   // other processes use it too
  uint32_t number = 0;
  uint32_t functions = 0;   // that refer to this handle
  int slot = -1;            // of the bound calls; -1: the ordinary ones
  napi_ref view = nullptr;  // keeps the SharedArrayBuffer alive
  NamedCells named = {};
};

namespace {

using core::Owner;
using core::SemaphoreShape;

constexpr int kHotSemaphores = 32;
constexpr uint32_t kCountMask = (uint32_t{1} << (64 - core::semaphore::kStampBits)) - 1;

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

// Hands over what an adaptive limit leaves room for. Returns whether any of it went to a caller of this same thread,
// which is not rung.
bool grant_all(const SemaphoreHandle* handle) {
  bool own = false;
  core::Semaphore<> semaphore = handle->semaphore;
  for (Owner next = semaphore.grant(handle->owner); next != core::kNobody; next = semaphore.grant(handle->owner)) {
    const auto who = semaphore.identity(next);
    if (!is_here(handle, who)) continue;
    if (who.doorbell == handle->self.doorbell)
      own = true;
    else
      ring(static_cast<uint32_t>(who.doorbell));
  }
  return own;
}

// take(): undefined for a permit, false for none: making a value costs a call.
napi_value take(napi_env env, SemaphoreHandle* handle) {
  return handle->semaphore.try_acquire(handle->owner) ? nullptr : make_bool(env, false);
}

// give(): undefined; true where the permit was handed to a caller of this same thread, who needs no bell.
napi_value give(napi_env env, SemaphoreHandle* handle) {
  if (handle->semaphore.held(handle->owner) == 0) return throw_range(env, "semaphore: this thread holds no permit");
  const Owner next = handle->semaphore.release(handle->owner);
  bool own = false;
  if (next != core::kNobody) {
    const auto who = handle->semaphore.identity(next);
    own = is_here(handle, who) && who.doorbell == handle->self.doorbell;
    if (!own && is_here(handle, who)) ring(static_cast<uint32_t>(who.doorbell));
  }
  if (handle->semaphore.is_adaptive()) own = grant_all(handle) || own;
  return own ? make_bool(env, true) : nullptr;
}

using BoundCall = napi_value (*)(napi_env, SemaphoreHandle*);
using Slots = HotSlots<SemaphoreHandle, kHotSemaphores>;

// The ordinary bound call, for semaphores beyond the slots.
template <BoundCall kCall>
napi_value call_bound(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  return kCall(env, static_cast<SemaphoreHandle*>(data));
}

template <BoundCall kCall>
napi_callback callback_of(const SemaphoreHandle* handle) {
  return handle->slot < 0 ? call_bound<kCall> : Slots::callback<kCall>(handle->slot);
}

void close(napi_env env, void* data, void*) {
  auto* handle = static_cast<SemaphoreHandle*>(data);
  if (--handle->functions > 0) return;
  handle->semaphore.bury(handle->owner, [handle](Owner next) { wake(handle, next); });
  Slots::release(handle->slot);
  if (handle->view != nullptr) napi_delete_reference(env, handle->view);
  handle->named.release(env);
  handle->environment->semaphores.remove(handle->number);
  handle->environment->release();
  delete handle;
}

bool add_bound(napi_env env, SemaphoreHandle* handle, const char* name, napi_callback callback, napi_value result,
               uint32_t index) {
  napi_value function = nullptr;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, handle, &function) != napi_ok) return false;
  ++handle->functions;
  if (napi_add_finalizer(env, function, handle, close, nullptr, nullptr) == napi_ok)
    return napi_set_element(env, result, index, function) == napi_ok;
  --handle->functions;
  return false;
}

// Claims a row and returns [take, give, number, maxConcurrent, maxQueue, least], or null when all rows are in use.
// `view` may be nullptr for cells that live for ever. `doorbell`: what is rung for who waits here.
napi_value open_semaphore(napi_env env, core::Word* cells, SemaphoreShape shape, napi_value view, uint32_t doorbell,
                          NamedCells named = {}) {
  Environment* environment = Environment::of(env);
  if (environment == nullptr) {
    named.release(env);
    return throw_type(env, "semaphore: the environment is closing");
  }
  const bool machine = named.mapping != nullptr;
  napi_value result = nullptr;
  napi_ref reference = nullptr;
  AMORSIZE_NAPI_OR_RETURN(env, napi_create_array_with_length(env, 6, &result));
  if (view != nullptr) AMORSIZE_NAPI_OR_RETURN(env, napi_create_reference(env, view, 1, &reference));

  core::Semaphore<> semaphore(cells, shape);
  const core::ProcessIdentity process = os::own_process();
  const core::Semaphore<>::Identity self{process.process, process.space, doorbell};
  if (machine) {
    // Whom that wakes in this process finds out by itself: nobody here holds a handle yet that could.
    bury_dead(semaphore, self, [&](Owner next) { ring(static_cast<uint32_t>(semaphore.identity(next).doorbell)); });
  }
  const Owner owner = semaphore.claim(self);
  if (owner == core::kNobody) {
    if (reference != nullptr) napi_delete_reference(env, reference);
    named.release(env);
    napi_get_null(env, &result);
    return result;
  }
  auto* const handle = new SemaphoreHandle{semaphore, environment, self, owner, semaphore.grants(owner), machine};
  handle->view = reference;
  handle->named = named;
  handle->number = environment->semaphores.add(handle);
  environment->retain();
  handle->slot = Slots::take(handle);
  if (!add_bound(env, handle, "take", callback_of<take>(handle), result, 0)) {
    handle->functions = 1;
    close(env, handle, nullptr);
    return throw_last(env, "the semaphore's functions");
  }
  // From here on the functions' finalizers close it.
  const double numbers[] = {static_cast<double>(handle->number),
                            static_cast<double>(cells[core::semaphore::kMaxConcurrent].load(std::memory_order_relaxed)),
                            static_cast<double>(cells[core::semaphore::kMaxQueue].load(std::memory_order_relaxed)),
                            static_cast<double>(shape.least)};
  bool made = add_bound(env, handle, "give", callback_of<give>(handle), result, 1);
  for (uint32_t i = 0; i < std::size(numbers); ++i)
    made = made && napi_set_element(env, result, 2 + i, make_double(env, numbers[i])) == napi_ok;
  return made ? result : throw_last(env, "the semaphore's functions");
}

bool read_integer(napi_env env, napi_value value, double min, double max, int64_t* out) {
  double number = 0;
  if (!read_double(env, value, &number) || !(number >= min && number <= max) || std::floor(number) != number)
    return false;
  *out = static_cast<int64_t>(number);
  return true;
}

// Reads the number of a doorbell of this thread; throws and returns false for anything else.
bool read_doorbell(napi_env env, napi_value value, uint32_t* out) {
  if (napi_get_value_uint32(env, value, out) == napi_ok && is_doorbell_of(env, *out)) return true;
  throw_type(env, "semaphore: a doorbell of this thread was expected");
  return false;
}

struct Founding {
  SemaphoreShape shape;
  int64_t max_concurrent;
  int64_t max_queue;

  // Reads rows, places, maxConcurrent, maxQueue (-1: no bound) and the least of an adaptive limit (0: a fixed one);
  // throws and returns false for what no semaphore can have.
  bool read(napi_env env, const napi_value* values) {
    int64_t rows = 0;
    int64_t places = 0;
    int64_t least = 0;
    const bool ok = read_integer(env, values[0], 1, core::semaphore::kMostRows, &rows) &&
                    read_integer(env, values[1], 1, core::semaphore::kMostPlaces, &places) &&
                    read_integer(env, values[2], 1, core::semaphore::kMostPermits, &max_concurrent) &&
                    read_integer(env, values[3], -1, 0x1p53, &max_queue) &&
                    read_integer(env, values[4], 0, core::adaptive::kMostLimit, &least) && least <= max_concurrent &&
                    (least == 0 || max_concurrent <= core::adaptive::kMostLimit);
    shape = {static_cast<uint32_t>(rows), static_cast<uint32_t>(places), static_cast<uint32_t>(least)};
    if (ok && shape.is_valid()) return true;
    throw_range(env, "semaphore: no semaphore has such rows, places, maxConcurrent, maxQueue or least limit");
    return false;
  }
};

// semaphoreInitialize(view, rows, places, maxConcurrent, maxQueue, least): writes a semaphore into zeroed cells that
// nobody else can see yet.
napi_value initialize(napi_env env, napi_callback_info info) {
  const Args<6> args(env, info);
  Founding founding;
  if (!args.ok || !founding.read(env, args.values + 1)) return nullptr;
  core::Word* cells = cells_of_view(env, args.values[0], founding.shape.cells());
  if (cells == nullptr)
    return throw_type(env, "semaphore: cells are a BigInt64Array on a SharedArrayBuffer, aligned to 64 bytes");
  core::Semaphore<>(cells, founding.shape).initialize(founding.max_concurrent, founding.max_queue);
  return nullptr;
}

// semaphoreOpen(view, doorbell): [take, give, number, maxConcurrent, maxQueue, least] or null
napi_value open(napi_env env, napi_callback_info info) {
  const Args<2> args(env, info);
  core::Word* cells = args.ok ? cells_of_view(env, args.values[0], 1) : nullptr;
  uint32_t doorbell = kNoDoorbell;
  if (!args.ok || !read_doorbell(env, args.values[1], &doorbell)) return nullptr;
  // order: acquire. Pairs with Semaphore::initialize: the semaphore it announces is visible.
  if (cells == nullptr ||
      cells[core::semaphore::kKind].load(std::memory_order_acquire) != core::kind_word(core::Kind::kSemaphore)) {
    return throw_type(env, "semaphore: these cells hold no semaphore of this layout version");
  }
  const SemaphoreShape shape = SemaphoreShape::of_word(cells[core::semaphore::kShape].load(std::memory_order_relaxed));
  if (!shape.is_valid() || cells_of_view(env, args.values[0], shape.cells()) == nullptr)
    return throw_type(env, "semaphore: the view does not hold all of its cells");
  return open_semaphore(env, cells, shape, args.values[0], doorbell);
}

// semaphoreOpenNamed(name, machine, rows, places, maxConcurrent, maxQueue, least, doorbell): the same; the first user
// of the name decides about the numbers
napi_value open_named(napi_env env, napi_callback_info info) {
  const Args<8> args(env, info);
  std::string name;
  bool machine = false;
  Founding founding;
  if (!args.ok || !read_string(env, args.values[0], &name) ||
      napi_get_value_bool(env, args.values[1], &machine) != napi_ok) {
    return throw_type(env, "semaphore: a name and whether it is the machine's were expected");
  }
  uint32_t doorbell = kNoDoorbell;
  if (!founding.read(env, args.values + 2) || !read_doorbell(env, args.values[7], &doorbell)) return nullptr;
  const auto make = [&](core::Word* created) {
    core::Semaphore<>(created, founding.shape).initialize(founding.max_concurrent, founding.max_queue);
  };
  // One that nobody uses has all its permits and no queue: to keep it is to make it again, but for what an adaptive
  // limit has learnt.
  const auto adapt = [&](core::Word* found) {
    return found[core::semaphore::kShape].load(std::memory_order_relaxed) == founding.shape.word() &&
           found[core::semaphore::kMaxConcurrent].load(std::memory_order_relaxed) == founding.max_concurrent &&
           found[core::semaphore::kMaxQueue].load(std::memory_order_relaxed) == founding.max_queue;
  };
  // An adaptive semaphore has a cell more: which of the two is in use is for the caller to judge.
  NamedCells opened =
      named_cells(env, {machine, core::Kind::kSemaphore, name, founding.shape.cells(), make, adapt, true});
  if (opened.words == nullptr) return nullptr;
  // What another process wrote is believed only as far as it can do no harm.
  const SemaphoreShape shape =
      SemaphoreShape::of_word(opened.words[core::semaphore::kShape].load(std::memory_order_relaxed));
  const bool has_cells = !machine || shape.cells() <= opened.cells;
  if (!shape.is_valid() || !has_cells || shape.rows != founding.shape.rows || shape.places != founding.shape.places) {
    opened.release(env);
    return throw_range(env, "semaphore: the memory of that name is damaged");
  }
  return open_semaphore(env, opened.words, shape, nullptr, doorbell, opened);
}

SemaphoreHandle* numbered(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  double number = -1;
  Environment* environment = Environment::of(env);
  SemaphoreHandle* handle = args.ok && environment != nullptr && read_double(env, args.values[0], &number)
                                ? environment->semaphores.find(number)
                                : nullptr;
  if (handle == nullptr) throw_type(env, "semaphore: no open semaphore of this thread has that number");
  return handle;
}

// A function of a semaphore's number that returns a number.
template <double (*kAsk)(SemaphoreHandle*)>
napi_value ask(napi_env env, napi_callback_info info) {
  SemaphoreHandle* handle = numbered(env, info);
  return handle == nullptr ? nullptr : make_double(env, kAsk(handle));
}

double acquire(SemaphoreHandle* handle) {
  const core::Admission admission = handle->semaphore.acquire(handle->owner);
  // What this thread is granted it finds out from its bell: its caller is not in its queue yet.
  if (admission == core::Admission::kQueued && grant_all(handle)) ring(static_cast<uint32_t>(handle->self.doorbell));
  return static_cast<double>(admission);
}
double take_low(SemaphoreHandle* handle) { return handle->semaphore.try_acquire_low(handle->owner) ? 1 : 0; }
double cancel(SemaphoreHandle* handle) { return handle->semaphore.cancel(handle->owner) ? 1 : 0; }
double held(SemaphoreHandle* handle) { return handle->semaphore.held(handle->owner, handle->seen); }
double limit(SemaphoreHandle* handle) { return handle->semaphore.limit(); }
double in_use(SemaphoreHandle* handle) { return handle->semaphore.in_use(); }
double available(SemaphoreHandle* handle) { return handle->semaphore.available(); }
double waiting(SemaphoreHandle* handle) { return static_cast<double>(handle->semaphore.waiting()); }

double bury_the_dead(SemaphoreHandle* handle) {
  bury_dead(handle->semaphore, handle->self, [handle](Owner next) { wake(handle, next); });
  return 0;
}

// semaphoreEnded(number, nowMs, ms): an adaptive semaphore counts a call that took `ms`, below 0 for one that a time
// limit cut off. Its permit is still to be given back. Whether another one was handed to a caller of this same thread.
napi_value ended(napi_env env, napi_callback_info info) {
  const Args<3> args(env, info);
  double number = -1;
  double now_ms = 0;
  double ms = 0;
  if (!args.ok || !read_double(env, args.values[0], &number) || !read_double(env, args.values[1], &now_ms) ||
      !read_double(env, args.values[2], &ms) || !(std::fabs(now_ms) < 0x1p53))
    return throw_type(env, "semaphore: a number, a time and a duration were expected");
  Environment* environment = Environment::of(env);
  SemaphoreHandle* handle = environment == nullptr ? nullptr : environment->semaphores.find(number);
  if (handle == nullptr || !handle->semaphore.is_adaptive())
    return throw_type(env, "semaphore: no open adaptive semaphore of this thread has that number");
  auto limit = handle->semaphore.adaptive_limit();
  const auto now = static_cast<int64_t>(now_ms);
  const double us = std::fmin(ms * 1e3, static_cast<double>(core::adaptive::kMostUs));
  const bool moved = us < 0 ? limit.drop(now) : limit.add(now, static_cast<int64_t>(us), handle->semaphore.in_use());
  return make_bool(env, moved && grant_all(handle));
}

// Permits that were handed to this thread since it last asked.
double collect(SemaphoreHandle* handle) {
  const uint32_t now = handle->semaphore.grants(handle->owner);
  const uint32_t fresh = (now - handle->seen) & kCountMask;
  handle->seen = now;
  return fresh;
}

}  // namespace

bool register_semaphore(napi_env env, napi_value exports) {
  constexpr struct {
    const char* name;
    napi_callback callback;
  } kFunctions[] = {
      {"semaphoreInitialize", initialize}, {"semaphoreOpen", open},
      {"semaphoreOpenNamed", open_named},  {"semaphoreAcquire", ask<acquire>},
      {"semaphoreCancel", ask<cancel>},    {"semaphoreCollect", ask<collect>},
      {"semaphoreHeld", ask<held>},        {"semaphoreAvailable", ask<available>},
      {"semaphoreWaiting", ask<waiting>},  {"semaphoreBuryDead", ask<bury_the_dead>},
      {"semaphoreTakeLow", ask<take_low>}, {"semaphoreLimit", ask<limit>},
      {"semaphoreInUse", ask<in_use>},     {"semaphoreEnded", ended},
  };
  for (const auto& function : kFunctions) {
    if (!add_function(env, exports, function.name, function.callback)) return false;
  }
  return true;
}

}  // namespace amorsize::binding
