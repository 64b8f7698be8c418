// A circuit breaker in cells of shared memory. Every operation is lock-free, takes the time as an argument, and may run
// in any thread or process at the same time as any other. A thread that dies at any instruction leaves the breaker
// usable: a transition is one swap, as is a change of parameters, and what else belongs to it is done by whoever first
// misses it.
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/breaker_control.h"
#include "core/breaker_parameters.h"
#include "core/layout.h"

namespace amorsize::core {

// How a call that was admitted ended. Ignored: it says nothing about what is guarded.
enum class CallResult { kSucceeded, kFailed, kIgnored };

// The right to make a call. `place` is that of a probe, -1 for a call of a state that admits every call.
struct Permit {
  int64_t generation = 0;
  int64_t place = -1;
  int64_t lease = 0;  // the word in that place
};

struct BreakerAdmission {
  bool admitted;
  BreakerState state;
  int64_t generation;
  int64_t retry_after_ns;  // of a call that was not admitted; kNeverAdmits: no time will do
  Permit permit;
};

inline constexpr int64_t kNeverAdmits = std::numeric_limits<int64_t>::max();

template <class W = Word>
class CircuitBreaker : public BreakerControl<W> {
 public:
  using BreakerControl<W>::control;
  using BreakerControl<W>::generation_of;
  using BreakerControl<W>::keep_up;
  using BreakerControl<W>::parameters;
  using BreakerControl<W>::state_of;

  // Reads what it was made with: the cells must hold a breaker.
  explicit CircuitBreaker(W* cell) : CircuitBreaker(cell, BreakerParameters::read(cell)) {}
  // For who knows it already.
  CircuitBreaker(W* cell, const BreakerParameters& founding) : BreakerControl<W>(cell, founding) {}

  // Writes a closed breaker into zeroed memory no other thread can see yet. Precondition: parameters.valid().
  static void initialize(W* cell, int64_t now_ns, const BreakerParameters& parameters) {
    // order: relaxed. Nobody reads them before the kind is written.
    for (size_t i = 0; i < breaker_parameter::kCount; ++i) {
      cell[breaker::kFirstParameter + i].store(std::bit_cast<int64_t>(parameters[i]), std::memory_order_relaxed);
    }
    cell[breaker::kEpochNs].store(now_ns, std::memory_order_relaxed);
    // Generation 1: words of zero belong to none.
    cell[breaker::kControl].store(pack(1, 0, 0, BreakerState::kClosed), std::memory_order_relaxed);
    write_kind(cell, Kind::kCircuitBreaker);
  }

  // Whether a success of a call of `generation` has nothing to write.
  bool success_is_free(int64_t generation) const { return window_.success_is_free(generation); }

  // Changes the parameters for every thread at once, and begins a new generation of the same state: nothing is counted
  // and no probe under way any more, an open breaker is open for its time from now. Only if it is in `generation`
  // still. Precondition: parameters.fits(founding()).
  UpdateResult update(int64_t generation, const BreakerParameters& parameters, int64_t now_ns) {
    const int64_t seen = keep_up();
    if (generation_of(seen) != generation) return UpdateResult::kOutdated;
    // One whose time is up is half-open, as far as anybody can tell, and stays so.
    if (state_of(seen) == BreakerState::kOpen && time_until_probe(seen, now_ns) <= 0) {
      transition(seen, BreakerState::kHalfOpen, reopenings_of(seen));
      return UpdateResult::kOutdated;
    }
    const UpdateResult result = this->put_in_force(seen, parameters);
    // The same state, and its time has not been set.
    if (result == UpdateResult::kDone) state(now_ns);
    return result;
  }

  // Back to what it was made with, in the state it is in. Precondition: nobody else uses it; whoever does this may die,
  // too.
  void restore(int64_t now_ns) {
    this->forget_others(keep_up());
    const BreakerParameters& founding = this->founding();
    for (int64_t seen = keep_up(); !(parameters() == founding); seen = keep_up())
      update(generation_of(seen), founding, now_ns);
  }

  // Asks to make a call. `holder` is the row of the machine that is to have a probe, 0 for none; `is_gone` tells of
  // such a row whether its process has ended, and is asked only where no place is free.
  BreakerAdmission admit(int64_t now_ns) {
    return admit(now_ns, 0, [](int64_t) { return false; });
  }
  template <class IsGone>
  BreakerAdmission admit(int64_t now_ns, int64_t holder, IsGone is_gone) {
    for (;;) {
      const int64_t seen = keep_up();
      const int64_t generation = generation_of(seen);
      switch (state_of(seen)) {
        case BreakerState::kClosed:
          return {true, BreakerState::kClosed, generation, 0, {generation, -1, 0}};
        case BreakerState::kIsolated:
          return {false, BreakerState::kIsolated, generation, kNeverAdmits, {}};
        case BreakerState::kOpen: {
          const int64_t wait_ns = time_until_probe(seen, now_ns);
          if (wait_ns < 0) continue;
          if (wait_ns > 0) return {false, BreakerState::kOpen, generation, wait_ns, {}};
          transition(seen, BreakerState::kHalfOpen, reopenings_of(seen));
          continue;
        }
        case BreakerState::kHalfOpen: {
          BreakerAdmission admission = take_place(seen, now_ns, holder, [](int64_t) { return false; });
          if (!admission.admitted && holder != 0) admission = take_place(seen, now_ns, holder, is_gone);
          // Whoever told of the last result may have died before its transition.
          if (!admission.admitted) judge_probes(seen, now_ns);
          if (control() == seen) return admission;
          // Else the place belongs to a generation that is over: it is as good as free.
        }
      }
    }
  }

  // Gives back the probes of a row that now is another process's.
  void forget(int64_t holder) {
    for (int64_t place = 0; place < this->founding().probe_places(); ++place) {
      // order: relaxed. A place publishes nothing but itself.
      int64_t found = place_word(place).load(std::memory_order_relaxed);
      if (holder_of(found) == holder)
        place_word(place).compare_exchange_strong(found, 0, std::memory_order_relaxed, std::memory_order_relaxed);
    }
  }

  // Tells how a call ended. One that began in an earlier generation, or a probe whose lease has ended, tells nothing.
  // Returns whether this made a transition.
  //
  // To count a call, to look at the window and to open are steps of their own: of calls that end at the same time, each
  // may count before or after the others.
  bool settle(const Permit& permit, CallResult result, bool slow, int64_t now_ns) {
    if (permit.place >= 0) return settle_probe(permit, result, now_ns);
    const int64_t seen = keep_up();
    if (result == CallResult::kIgnored || generation_of(seen) != permit.generation ||
        state_of(seen) != BreakerState::kClosed)
      return false;
    return window_.record(permit.generation, result == CallResult::kFailed, slow, now_ns) && open(seen, 0, now_ns);
  }

  // From whatever state into this one, with all failures forgotten; nothing if it is in it. Returns whether this made
  // the transition.
  bool force(BreakerState to) {
    for (;;) {
      const int64_t seen = control();
      if (state_of(seen) == to) return false;
      if (transition(seen, to, 0)) return true;
    }
  }

  // As `admit` would find it: half-open once a probe would be admitted.
  BreakerState state(int64_t now_ns) {
    for (;;) {
      const int64_t seen = keep_up();
      if (state_of(seen) != BreakerState::kOpen) return state_of(seen);
      const int64_t wait_ns = time_until_probe(seen, now_ns);
      if (wait_ns >= 0) return wait_ns > 0 ? BreakerState::kOpen : BreakerState::kHalfOpen;
    }
  }

 private:
  using BreakerControl<W>::after;
  using BreakerControl<W>::cell_;
  using BreakerControl<W>::pack;
  using BreakerControl<W>::reopenings_of;
  using BreakerControl<W>::swap;
  using BreakerControl<W>::window_;

  // The one way from state to state: of all threads that try it from `seen`, one succeeds.
  bool transition(int64_t seen, BreakerState to, int64_t reopenings) { return swap(seen, after(seen, to, reopenings)); }

  bool open(int64_t seen, int64_t reopenings, int64_t now_ns) {
    if (!transition(seen, BreakerState::kOpen, reopenings)) return false;
    time_until_probe(after(seen, BreakerState::kOpen, reopenings), now_ns);
    return true;
  }

  // How long until the open breaker of `seen` admits a probe; -1 when it is in another state by now. Sets the time if
  // nobody has.
  int64_t time_until_probe(int64_t seen, int64_t now_ns) {
    const int64_t tag = tag_of(generation_of(seen), breaker::kUntilTagBits);
    const int64_t elapsed_ns = window_.ns_since_epoch(now_ns);
    const int64_t until = window_.change(cell_[breaker::kUntil], generation_of(seen), [&](int64_t found) {
      if ((found & low_bits(breaker::kUntilTagBits)) == tag && found != 0) return found;
      const double wait_us = std::ceil(parameters().reset_timeout_ms(reopenings_of(seen)) * 1e3);
      const int64_t at_us =
          std::min((elapsed_ns + 999) / 1000 + static_cast<int64_t>(wait_us), low_bits(63 - breaker::kUntilTagBits));
      return at_us << breaker::kUntilTagBits | tag;
    });
    if (until < 0) return -1;
    return std::max<int64_t>(0, (until >> breaker::kUntilTagBits) * 1000 - elapsed_ns);
  }

  static int64_t place_tag(int64_t generation) {
    return tag_of(generation, breaker::kProbeTagBits) << (breaker::kHolderBits + breaker::kLeaseBits);
  }
  static int64_t holder_of(int64_t place) { return (place >> breaker::kLeaseBits) & low_bits(breaker::kHolderBits); }
  static int64_t success_in(int64_t generation) { return place_tag(generation) | low_bits(breaker::kLeaseBits); }
  static int64_t failure_in(int64_t generation) { return success_in(generation) - 1; }

  W& place_word(int64_t place) const { return cell_[breaker::kFirstProbe + static_cast<size_t>(place)]; }

  // Opens the half-open breaker of `seen` when too many probes have failed, closes it when all others have succeeded.
  // Results stay, so that whoever sees enough of them for either sees the same as all others.
  bool judge_probes(int64_t seen, int64_t now_ns) {
    const int64_t generation = generation_of(seen);
    const int64_t probes = parameters().success_threshold();
    int64_t succeeded = 0;
    int64_t failed = 0;
    for (int64_t place = 0; place < probes; ++place) {
      // order: seq_cst. Pairs with settle_probe: of threads that tell of the last results at once, one at least sees
      // them all.
      const int64_t found = place_word(place).load(std::memory_order_seq_cst);
      if (found == success_in(generation)) ++succeeded;
      if (found == failure_in(generation)) ++failed;
    }
    // Divided, not multiplied, as in the window.
    if (failed > 0 &&
        static_cast<double>(failed) / static_cast<double>(probes) >= parameters()[breaker_parameter::kProbeFailureRate])
      return open(seen, std::min(reopenings_of(seen) + 1, breaker::kMaxReopenings), now_ns);
    return succeeded + failed == probes && transition(seen, BreakerState::kClosed, 0);
  }

  // Takes a place that is free, or whose lease has ended, or whose holder is gone. Refuses when the half-open state of
  // `seen` is over.
  template <class IsGone>
  BreakerAdmission take_place(int64_t seen, int64_t now_ns, int64_t holder, IsGone is_gone) {
    const int64_t generation = generation_of(seen);
    const int64_t tag = place_tag(generation);
    const int64_t elapsed_ns = window_.ns_since_epoch(now_ns);
    const int64_t now_ms = elapsed_ns / kNsPerMs;
    int64_t first_end_ms = low_bits(breaker::kLeaseBits);
    for (int64_t place = 0; place < parameters().success_threshold(); ++place) {
      W& word = place_word(place);
      // order: acquire, here and below. Pairs with the swap: who sees the lease of a later state sees that state.
      int64_t found = word.load(std::memory_order_acquire);
      for (;;) {
        // A lease of a later state must not be taken for one that is over.
        if (control() != seen) return {false, BreakerState::kHalfOpen, generation, 0, {}};
        const bool in_use = (found & ~low_bits(breaker::kHolderBits + breaker::kLeaseBits)) == tag && found != 0;
        const int64_t end_ms = found & low_bits(breaker::kLeaseBits);
        if (in_use && end_ms > now_ms && !is_gone(holder_of(found))) {
          first_end_ms = std::min(first_end_ms, end_ms);
          break;
        }
        const int64_t wanted_ms = now_ms + 1 + static_cast<int64_t>(parameters()[breaker_parameter::kProbeLeaseMs]);
        const int64_t lease =
            tag | holder << breaker::kLeaseBits |
            std::min(in_use ? std::max(wanted_ms, end_ms + 1) : wanted_ms, low_bits(breaker::kLeaseBits) - 2);
        // order: release. As above; a failed swap tells what is there now.
        if (word.compare_exchange_strong(found, lease, std::memory_order_release, std::memory_order_acquire)) {
          return {true, BreakerState::kHalfOpen, generation, 0, {generation, place, lease}};
        }
      }
    }
    // A probe will end long before its lease, as a rule, but nothing earlier is certain.
    return {false, BreakerState::kHalfOpen, generation, first_end_ms * kNsPerMs - elapsed_ns, {}};
  }

  bool settle_probe(const Permit& permit, CallResult result, int64_t now_ns) {
    W& word = place_word(permit.place);
    const int64_t seen = keep_up();
    if (generation_of(seen) != permit.generation) return false;
    int64_t lease = permit.lease;
    const int64_t then = result == CallResult::kSucceeded ? success_in(permit.generation)
                         : result == CallResult::kFailed  ? failure_in(permit.generation)
                                                          : 0;
    // Who finds another word here has lost the place, and with it the right to tell.
    // order: seq_cst. Pairs with judge_probes.
    if (!word.compare_exchange_strong(lease, then, std::memory_order_seq_cst, std::memory_order_relaxed)) return false;
    return then != 0 && judge_probes(seen, now_ns);
  }

  static constexpr int64_t kNsPerMs = 1'000'000;
};

// The row of the machine is another process's from now on: what its last one held of the breaker in `cells` is free.
template <class W>
void take_over_row(W* words, size_t cells, int64_t holder) {
  const auto founding = BreakerParameters::read(words);
  // Else damaged, which is for whoever opens it to tell.
  if (is_of_kind(words, Kind::kCircuitBreaker) && founding.valid() && founding.cells() == cells)
    CircuitBreaker<W>(words, founding).forget(holder);
}

}  // namespace amorsize::core
