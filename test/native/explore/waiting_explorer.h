// Those who wait for a bucket under every interleaving of a few threads, at the grain of single atomic operations: they
// come, look, give up, and die in the middle of a step; others bury them; parameters change in between. In every state
//
// - no unit of the axis has been used twice, nor is held by two, nor used and held by somebody else who lives;
// - what the living hold lies before `spent`, so nobody else can get it;
// - what has been used keeps the bound in every window, and none of it was used in a pause;
// - whoever died at rest, with nobody behind, has given back what it held once it is buried: all of it, and once.
//
// After every single step it also supposes that all threads that have not finished die there, are buried, and that the
// bucket works: it fills up, and to the brim.
#pragma once

#include <string>
#include <vector>

#include "explore/model_line.h"
#include "explore/search.h"

namespace amorsize::test {

enum class Waiting {
  kEnter,  // one more caller, of so many tokens
  kLook,
  kGiveUp,    // the caller with this number in its line
  kKill,      // the thread with this number is never run again; its process ends, and whoever looks late finds its row
  kHook,      // the same, but its process lives: what the runtime does for a thread that ends
  kBuryDead,  // whoever looks late
  kAcquire,
  kRefund,
  kPause,  // for so many seconds
  kUpdate,
  kReset,
};

struct WaitingOperation {
  Waiting action;
  int64_t now_ns;
  double amount = 0;
  double burst = 0;  // kUpdate
};

struct WaitingScenario {
  double rate;
  double burst;
  std::vector<std::vector<WaitingOperation>> first;    // run before, by each thread in turn
  std::vector<std::vector<WaitingOperation>> threads;  // side by side
};

struct WaitingExploration : Exploration {
  int64_t died_at_rest = 0;  // ends in which somebody held tokens, and all of it was told, when it died
};

struct WaitingThread : RunningThread {
  ModelLine line;
  ModelLine now;  // the line as it has become in the operation under way
  bool has_process = true;
  bool was_passed = false;  // since it died, somebody stood behind what it held
  bool is_paused = false;   // a pause had begun before the operation did, and is to end after it
  unsigned alive = 0;       // whose processes ran when the operation began
};

struct WaitingState {
  InterleavingOf<kMostWords> memory;
  std::vector<WaitingThread> threads;
  int64_t paused_until_ns = 0;
  core::Survey axis{};
};

template <Fault kFault = Fault::kNone>
class WaitingExplorer : public Search<WaitingExplorer<kFault>, WaitingState, WaitingExploration> {
  using Thread = WaitingThread;
  using State = WaitingState;
  using Base = Search<WaitingExplorer, State, WaitingExploration>;
  friend Base;

 public:
  explicit WaitingExplorer(const WaitingScenario& scenario) : Base(scenario.threads), scenario_(scenario) {
    for (const auto& operations : scenario.threads) {
      for (const WaitingOperation& operation : operations)
        keeps_bound_ &= operation.action != Waiting::kUpdate && operation.action != Waiting::kReset &&
                        operation.action != Waiting::kRefund;
    }
  }

 private:
  using Base::failed;
  using Base::finished;
  using Base::found_;
  using Memory = InterleavingOf<kMostWords>;
  using W = ModelWord<kFault>;
  static constexpr size_t kMaxSteps = 1000;
  static constexpr int64_t kStart = 1'000'000'000;
  static constexpr int64_t kSecond = 1'000'000'000;
  static constexpr int64_t kUnitsPerToken = 1'000'000;

  static core::TokenBucket<W> bucket() { return core::TokenBucket<W>(W::cell()); }
  static core::Waiters<W> waiters() { return core::Waiters<W>(W::rows()); }
  // Each thread is a process of its own.
  static core::ProcessIdentity process_of(size_t thread) { return {static_cast<int64_t>(thread) + 1, 1}; }

  void explore() {
    const size_t count = scenario_.threads.size();
    State start{Memory(count), std::vector<Thread>(count)};
    auto initialize = [this] {
      bucket().initialize(kStart, scenario_.rate, scenario_.burst);
      waiters().initialize(kMostRows);
    };
    if (!alone(&start.memory, initialize)) return;
    for (size_t i = 0; i < count; ++i) {
      Thread& thread = start.threads[i];
      thread.line.self = process_of(i);
      thread.alive = (1U << count) - 1;
      for (const WaitingOperation& operation : i < scenario_.first.size() ? scenario_.first[i] : kNothing) {
        auto body = [&] { perform(operation, start, thread, &thread.line); };
        if (!alone(&start.memory, body)) return;
      }
      thread.now = thread.line;
    }
    for (size_t i = 0; i < count; ++i) proceed(&start, i);
    this->visit(start);
  }

  void perform(const WaitingOperation& operation, const State& state, const Thread& thread, ModelLine* line) const {
    const auto [action, now, amount, burst] = operation;
    LineAtWork<W> at_work(W::cell(), W::rows(), line, now);
    switch (action) {
      case Waiting::kEnter:
        line->callers.add(core::cost_units(amount, core::kMaxDigits));
        return at_work.look();
      case Waiting::kLook:
        return at_work.look();
      case Waiting::kGiveUp:
        // It may have been served.
        if (static_cast<size_t>(amount) < line->callers.count) line->callers.remove(static_cast<size_t>(amount));
        return at_work.look();
      case Waiting::kHook: {
        // With its first access the operation begins, and the thread has died.
        bucket().parameters();
        const ModelLine& dead = state.threads[static_cast<size_t>(amount)].now;
        if (dead.row != core::kNoRow) waiters().bury(dead.row, bucket(), now);
        return;
      }
      case Waiting::kKill:
      case Waiting::kBuryDead:
        return bury_dead(thread.alive, line->self, now);
      case Waiting::kAcquire:
        if (bucket().try_acquire(now, amount) == core::Outcome::kGranted)
          line->taken.add({0, core::cost_units(amount, core::kMaxDigits), now});
        return;
      case Waiting::kRefund:
        bucket().refund(now, amount);
        return;
      case Waiting::kPause:
        bucket().pause(now, now + static_cast<int64_t>(amount) * kSecond);
        return;
      case Waiting::kUpdate:
        bucket().update(now, amount, burst);
        return;
      case Waiting::kReset: {
        bury_dead(thread.alive, line->self, now);
        const int64_t owed = waiters().others(line->row, now, 0, kMostRows).held_units;
        bucket().reset(now, static_cast<double>(owed) / kUnitsPerToken);
        return;
      }
    }
  }

  static void bury_dead(unsigned alive, const core::ProcessIdentity& self, int64_t now_ns) {
    waiters().bury_dead(bucket(), self, now_ns, kMostRows,
                        [alive](const core::ProcessIdentity& who) { return (alive >> (who.process - 1) & 1) != 0; });
  }

  const WaitingOperation& current(const State& state, size_t thread) const {
    return scenario_.threads[thread][state.threads[thread].operation];
  }

  DigestSet::Value digest_of(State* state) {
    core::Survey& axis = state->axis;
    if (!survey(state->memory, kStart, &axis)) return {};
    for (Thread& thread : state->threads) {
      if (thread.is_dead && thread.now.held.count > 0)
        thread.was_passed |= axis.base + axis.spent > thread.now.held.last().to;
    }
    Digest digest;
    state->memory.add_to(&digest);
    digest.add(static_cast<uint64_t>(state->paused_until_ns));
    for (const Thread& thread : state->threads) {
      thread.add_to(&digest, size_t{thread.was_passed} << 1 | size_t{thread.is_paused});
      digest.add(thread.alive);
      thread.now.add_to(&digest);
    }
    return digest.value();
  }

  bool judge(const State& state, bool is_end) {
    if (!is_sound(state) || (is_end && !has_given_back(state))) return false;
    Digest memory;
    state.memory.add_to(&memory);
    return !this->ended_.insert(memory.value()) || works_after_all_died(state.memory);
  }

  void begin(State* state, size_t index) {
    Thread& thread = state->threads[index];
    const WaitingOperation& operation = current(*state, index);
    if (operation.action == Waiting::kKill || operation.action == Waiting::kHook) {
      Thread& killed = state->threads[static_cast<size_t>(operation.amount)];
      killed.is_dead = true;
      killed.has_process = operation.action == Waiting::kHook;
    }
    if (operation.action == Waiting::kReset) state->paused_until_ns = 0;
    thread.is_paused = operation.now_ns < state->paused_until_ns;
    thread.alive = 0;
    for (size_t i = 0; i < state->threads.size(); ++i) {
      if (state->threads[i].has_process) thread.alive |= 1U << i;
    }
  }

  bool proceed(State* state, size_t index) {
    Thread& thread = state->threads[index];
    while (!finished(*state, index)) {
      thread.now = thread.line;
      auto body = [&] { perform(current(*state, index), *state, thread, &thread.now); };
      if (!processor.replay(thread.answers, body)) return this->waits(state, index);
      const WaitingOperation& ended = current(*state, index);
      // Only so much is sure: others may have been changing parameters, and then it is without effect.
      core::Survey axis{};
      if (ended.action == Waiting::kPause && survey(state->memory, ended.now_ns, &axis) && axis.paused_ns > 0)
        state->paused_until_ns = std::max(state->paused_until_ns, ended.now_ns + axis.paused_ns);
      if (!no_pause_broken(*state, index)) return false;
      thread.line = thread.now;
      thread.is_paused = false;
      thread.operation_ended();
    }
    return true;
  }

  bool no_pause_broken(const State& state, size_t index) {
    const Thread& thread = state.threads[index];
    if (!thread.is_paused ||
        (thread.now.used.count == thread.line.used.count && thread.now.taken.count == thread.line.taken.count))
      return true;
    return failed("thread " + std::to_string(index) + " lets callers go on in a pause");
  }

  // What nobody may ever see.
  bool is_sound(const State& state) {
    std::vector<Units> owned;
    for (const Thread& thread : state.threads) {
      owned.insert(owned.end(), thread.now.used.begin(), thread.now.used.end());
      if (thread.is_dead) continue;
      owned.insert(owned.end(), thread.now.held.begin(), thread.now.held.end());
      for (const Units& run : thread.now.held) {
        if (run.to > state.axis.base + state.axis.spent)
          return failed("what is held can be had again: " + describe(run));
      }
    }
    for (size_t i = 0; i < owned.size(); ++i) {
      for (size_t j = i + 1; j < owned.size(); ++j) {
        if (owned[i].from < owned[j].to && owned[j].from < owned[i].to)
          return failed("two have the same units: " + describe(owned[i]) + describe(owned[j]));
      }
    }
    return !keeps_bound_ || is_within_bound(state);
  }

  bool is_within_bound(const State& state) {
    std::vector<Units> admitted;
    int64_t cost = 0;
    for (const Thread& thread : state.threads) {
      for (const Units& run : thread.now.used) cost = std::max(cost, run.to - run.from);
      admitted.insert(admitted.end(), thread.now.used.begin(), thread.now.used.end());
      admitted.insert(admitted.end(), thread.now.taken.begin(), thread.now.taken.end());
    }
    const double per_ns = scenario_.rate * kUnitsPerToken / 1e9;
    const double most = std::max(scenario_.burst * kUnitsPerToken,
                                 static_cast<double>(cost) + per_ns * static_cast<double>(LineAtWork<W>::kGraceNs));
    for (const Units& first : admitted) {
      for (const Units& last : admitted) {
        double units = 0;
        for (const Units& run : admitted) {
          if (first.at_ns <= run.at_ns && run.at_ns <= last.at_ns) units += static_cast<double>(run.to - run.from);
        }
        if (units > most + per_ns * static_cast<double>(last.at_ns - first.at_ns) + 1)
          return failed("more than the bound in a window");
      }
    }
    return true;
  }

  // Everybody has ended, those who bury, too. What was held at the end of the axis, and has stayed there, is back.
  bool has_given_back(const State& state) {
    const core::Survey& axis = state.axis;
    bool is_burier_dead = false;
    for (size_t i = 0; i < state.threads.size(); ++i)
      is_burier_dead |= state.threads[i].is_dead && !state.threads[i].answers.empty() && buries(current(state, i));
    for (size_t i = 0; i < state.threads.size(); ++i) {
      const Thread& thread = state.threads[i];
      if (!thread.is_dead || !thread.now.is_at_rest || thread.now.held.count == 0) continue;
      ++found_.died_at_rest;
      if (is_burier_dead || axis.generation != 0 || thread.was_passed) continue;
      const int64_t end = thread.now.held.last().to;
      if (axis.base + axis.spent >= end && !is_anybodys(state, end - 1))
        return failed("what thread " + std::to_string(i) + " held when it died was not given back");
    }
    return true;
  }

  // Whether the unit has been used, or is held by somebody who lives.
  static bool is_anybodys(const State& state, int64_t unit) {
    const auto has = [unit](const Units& run) { return run.from <= unit && unit < run.to; };
    return std::any_of(state.threads.begin(), state.threads.end(), [&](const Thread& thread) {
      const ModelLine& line = thread.now;
      return std::any_of(line.used.begin(), line.used.end(), has) ||
             (!thread.is_dead && std::any_of(line.held.begin(), line.held.end(), has));
    });
  }

  static bool buries(const WaitingOperation& operation) {
    return operation.action == Waiting::kKill || operation.action == Waiting::kHook ||
           operation.action == Waiting::kBuryDead || operation.action == Waiting::kReset;
  }

  bool works_after_all_died(Memory memory) {
    constexpr int64_t kLate = kStart + 1000 * kSecond;
    double available = 0;
    double burst = 0;
    auto body = [&] {
      bury_dead(0, {static_cast<int64_t>(kMostRows) + 1, 1}, kLate);
      burst = bucket().parameters().burst;
      available = bucket().available(kLate);
    };
    if (!alone(&memory, body)) return false;
    return available == burst || failed("after all died " + std::to_string(available) + " tokens are there");
  }

  bool survey(const Memory& memory, int64_t now_ns, core::Survey* axis) {
    Memory copy = memory;
    auto body = [&] { *axis = bucket().survey(now_ns); };
    return alone(&copy, body);
  }

  template <class Body>
  bool alone(Memory* memory, Body& body) {
    return processor.run_alone(memory, Memory::at_once, kMaxSteps, body) || failed("alone, something does not end");
  }

  static std::string describe(const Units& run) {
    return "[" + std::to_string(run.from) + ", " + std::to_string(run.to) + ") ";
  }

  static inline const std::vector<WaitingOperation> kNothing;

  const WaitingScenario scenario_;
  bool keeps_bound_ = true;
};

}  // namespace amorsize::test
