// Explores every interleaving of a few threads with a few operations on a semaphore, at the grain of single atomic
// operations, as explorer.h does for the bucket. In each, every result must be explained by some order of the
// operations. After every single step it also supposes that all threads die there: then every row is buried, and all
// permits must be back.
//
// In weak memory whoever is refused may go by what was before, which no order of steps explains: scenarios for it
// refuse nobody whom the past could have let in. All that swaps `hot` is in the order of its swaps there, too.
#pragma once

#include <string>
#include <vector>

#include "explore/search.h"
#include "explore/semaphore_model.h"

namespace amorsize::test {

struct SemaphoreScenario {
  int64_t permits;
  int64_t max_queue;
  std::vector<Call> first;                 // run before the threads start
  std::vector<std::vector<Call>> threads;  // side by side
  bool adaptive = false;
  std::vector<Call> unseen = {};  // run by the first thread before the others start, who need not see any of it
};

template <class Memory>
struct SemaphoreState {
  Memory memory;
  SemaphoreOrders orders;
  std::vector<RunningThread> threads;
};

template <class Memory = Interleaving, Fault kFault = Fault::kNone>
class SemaphoreExplorer : public Search<SemaphoreExplorer<Memory, kFault>, SemaphoreState<Memory>> {
  using State = SemaphoreState<Memory>;
  using Base = Search<SemaphoreExplorer, State>;
  friend Base;

 public:
  // A thread that sees old values for ever says nothing about the semaphore.
  explicit SemaphoreExplorer(const SemaphoreScenario& scenario)
      : Base(scenario.threads, {.may_see_old_values = !std::is_same_v<Memory, Interleaving>}), scenario_(scenario) {}

 private:
  using Base::ended_;
  using Base::failed;
  using Base::finished;
  static constexpr size_t kMaxSteps = 400;
  static constexpr int64_t kMostPermits = 5;  // of any scenario
  static constexpr core::SemaphoreShape kShape{3, 8};
  // The line in which an adaptive one measures is not there: here limits are moved by hand.
  static_assert(kShape.cells() * core::kWordsPerCell <= kWords);

  void explore() {
    const size_t count = scenario_.threads.size();
    State start{Memory(count), SemaphoreOrders(SemaphoreModel(scenario_.permits, scenario_.max_queue), count),
                std::vector<RunningThread>(count)};
    auto initialize = [this] { semaphore().initialize(scenario_.permits, scenario_.max_queue); };
    if (!processor.run_alone(&start.memory, Memory::at_once, kMaxSteps, initialize)) {
      failed("initialisation does not end");
      return;
    }
    if (!run_first(&start, scenario_.first)) return;
    start.memory.publish();
    if (!run_first(&start, scenario_.unseen)) return;
    for (size_t thread = 0; thread < count; ++thread) {
      if (!proceed(&start, thread)) return;
    }
    this->visit(start);
  }

  // As the first thread.
  bool run_first(State* start, const std::vector<Call>& calls) {
    for (const Call& call : calls) {
      int64_t result = 0;
      auto body = [&] { result = perform(call); };
      const bool ends = processor.run_alone(&start->memory, Memory::at_once, kMaxSteps, body);
      start->orders.begin(0, call);
      if (!ends || !start->orders.end(0, result))
        return failed((ends ? "no order explains " : "does not end: ") + describe(call));
    }
    return true;
  }

  core::Semaphore<ModelWord<kFault>> semaphore() const {
    return {ModelWord<kFault>::cell(), {kShape.rows, kShape.places, scenario_.adaptive ? 1u : 0u}};
  }

  int64_t perform(const Call& call) const {
    auto subject = semaphore();
    switch (call.ask) {
      case Ask::kAcquire:
        return static_cast<int64_t>(subject.acquire(call.owner));
      case Ask::kTry:
        return static_cast<int64_t>(subject.try_acquire(call.owner) ? core::Admission::kAdmitted
                                                                    : core::Admission::kRefused);
      case Ask::kRelease:
        return subject.held(call.owner) == 0 ? kHasNone : int64_t{subject.release(call.owner)};
      case Ask::kGive:
        return subject.usable(call.owner) == 0 ? kHasNone : int64_t{subject.release(call.owner)};
      case Ask::kCollect:
        return subject.collect(call.owner);
      case Ask::kPassOver: {
        const auto late = static_cast<core::Owner>(call.limit);
        return subject.pass_over(call.owner, late, subject.collected(late));
      }
      case Ask::kCancel:
        return subject.cancel(call.owner);
      case Ask::kHeld:
        return subject.held(call.owner);
      case Ask::kInUse:
        return subject.in_use();
      case Ask::kLimit:
        // order: relaxed, as whoever closes a window does.
        ModelWord<kFault>::cell()[core::semaphore::kLimit].store(
            core::LimitState{static_cast<double>(call.limit), 0, 0, 0, 0}.word(), std::memory_order_relaxed);
        if (kFault != Fault::kNoAnnounce) subject.announce(call.owner);
        break;
      case Ask::kUpdate:
        if (kFault == Fault::kNoAnnounce) {
          ModelWord<kFault>::cell()[core::semaphore::kTerms].store(
              core::SemaphoreTerms{call.limit, 0, call.queue}.word(), std::memory_order_relaxed);
          break;
        }
        subject.update(call.owner, [&](core::SemaphoreTerms* terms) {
          *terms = {call.limit, terms->least, call.queue};
          return true;
        });
        break;
      case Ask::kAnnounce:
        subject.announce(call.owner);
        break;
      case Ask::kGrant:
        return subject.grant(call.owner);
      case Ask::kDie:
        subject.complete_any();
    }
    return 0;
  }

  // Everybody has ended: nobody must wait for what is free.
  bool forgets_somebody(Memory memory) {
    bool forgotten = false;
    auto body = [&] { forgotten = semaphore().is_ready(0) && semaphore().available() > 0; };
    if (!processor.run_alone(&memory, Memory::at_once, kMaxSteps, body)) return !failed("waiting does not end");
    return forgotten && !failed("somebody waits, and a permit is free");
  }

  // Everybody is dead: once all rows are buried, exactly the permits there are can be taken.
  bool gives_everything_back(Memory memory) {
    int64_t taken = 0;
    int64_t limit = 0;
    int64_t waiting = 0;
    auto body = [&] {
      auto subject = semaphore();
      for (core::Owner owner = 1; owner <= kShape.rows; ++owner) subject.bury(owner, [](core::Owner) {});
      limit = subject.limit();
      waiting = subject.waiting();
      while (taken <= kMostPermits && subject.try_acquire(1)) ++taken;
    };
    if (!processor.run_alone(&memory, Memory::at_once, 4 * kMaxSteps, body))
      return failed("after all died, taking back does not end");
    return (taken == limit && waiting == 0) ||
           failed("after all died, " + std::to_string(taken) + " permits of " + std::to_string(limit) +
                  " are left, and " + std::to_string(waiting) + " wait");
  }

  const Call& current(const State& state, size_t thread) const {
    return scenario_.threads[thread][state.threads[thread].operation];
  }

  static DigestSet::Value digest_of(const State* state) {
    Digest digest;
    state->memory.add_to(&digest);
    state->orders.add_to(&digest);
    for (const RunningThread& thread : state->threads) thread.add_to(&digest);
    return digest.value();
  }

  bool judge(const State& state, bool is_end) {
    if (is_end && forgets_somebody(state.memory)) return false;
    Digest values;
    state.memory.add_values_to(&values);
    return !ended_.insert(values.value()) || gives_everything_back(state.memory);
  }

  void begin(State* state, size_t index) {
    const Call& call = current(*state, index);
    state->orders.begin(index, call);
    // Rows are the threads' from the first on.
    if (call.ask == Ask::kDie) state->threads[call.owner - 1].is_dead = true;
  }

  bool proceed(State* state, size_t index) {
    RunningThread& thread = state->threads[index];
    while (!finished(*state, index)) {
      int64_t result = 0;
      const Call& call = current(*state, index);
      auto body = [&] { result = perform(call); };
      if (!processor.replay(thread.answers, body)) return this->waits(state, index);
      if (!state->orders.end(index, result)) {
        return failed("thread " + std::to_string(index) + ": no order explains " + describe(call) + ": " +
                      std::to_string(result));
      }
      if (call.ask == Ask::kDie) state->orders.abandon(call.owner - 1);
      thread.operation_ended();
    }
    state->memory.end(index);
    return true;
  }

  const SemaphoreScenario scenario_;
};

}  // namespace amorsize::test
