// Explores every interleaving of a few threads on a circuit breaker, at the grain of single atomic operations. What all
// of them together were told, and what is told afterwards, must be what some order of whole operations, one after the
// other, would have told too. After every single step it also supposes that all threads that have not finished die
// there: the last operations must then come to an end all the same, and find a breaker that works.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/circuit_breaker.h"
#include "explore/search.h"

namespace amorsize::test {

// Update: one parameter, the others as they are. Look: at parameters, and how many updates led to them.
// Forget: the row `holder` is another process's from now on.
enum class BreakerAction { kAdmit, kSucceed, kFail, kIgnore, kIsolate, kClose, kUpdate, kLook, kForget };

struct BreakerOperation {
  BreakerAction action;
  int64_t now_ns;
  size_t parameter = 0;  // of an update
  double value = 0;
  int64_t holder = 0;  // of a call: the row of the machine that makes it; the process of `gone` has ended
  int64_t gone = 0;
};

struct BreakerScenario {
  core::BreakerParameters parameters;
  std::vector<BreakerOperation> first;  // run before the threads start; each takes over the permit it leaves
  std::vector<std::vector<BreakerOperation>> threads;  // side by side
  std::vector<BreakerOperation> last;                  // run after each of them ended or died
  // What the threads do is done or not begun, wherever they die: what the last operations are told must be what some
  // of the whole operations have led to.
  bool is_whole = false;
};

// What a thread may still tell of; the operations under test hold two at most.
struct BreakerPermits {
  std::array<core::Permit, 4> held{};
  size_t count = 0;
};

struct BreakerThread : RunningThread {
  BreakerPermits permits;
  std::string told;
};

template <class Memory>
struct BreakerState {
  Memory memory;
  std::vector<BreakerThread> threads;
};

// `Memory`: one of memories.h, of kBreakerWords.
template <Fault kFault = Fault::kNone, class Memory = InterleavingOf<kBreakerWords>>
class BreakerExplorer : public Search<BreakerExplorer<kFault, Memory>, BreakerState<Memory>> {
  using Permits = BreakerPermits;
  using Thread = BreakerThread;
  using State = BreakerState<Memory>;
  using Base = Search<BreakerExplorer, State>;
  friend Base;

 public:
  explicit BreakerExplorer(const BreakerScenario& scenario) : Base(scenario.threads), scenario_(scenario) {}

 private:
  using Base::failed;
  using Base::finished;
  static constexpr size_t kMaxSteps = 1000;
  // Of an update that did not happen.
  static constexpr int64_t kUnchanged = 1;
  static constexpr int64_t kNoSlot = 2;

  void explore() {
    explained_.clear();
    explained_deaths_.clear();
    const size_t count = scenario_.threads.size();
    Memory memory(count);
    auto initialize = [this] {
      core::CircuitBreaker<ModelWord<kFault>>::initialize(ModelWord<kFault>::cell(), 0, scenario_.parameters);
    };
    if (!processor.run_alone(&memory, Memory::at_once, kMaxSteps, initialize)) {
      failed("initialisation does not end");
      return;
    }
    Permits permits;
    std::string told;
    for (const BreakerOperation& operation : scenario_.first) {
      if (!alone(&memory, operation, &permits, &told)) return;
    }
    memory.publish();
    State start{memory, std::vector<Thread>(count)};
    for (Thread& thread : start.threads) thread.permits = permits;
    in_order(start, std::vector<size_t>(count));
    for (size_t thread = 0; thread < count; ++thread) proceed(&start, thread);
    this->visit(start);
  }

  // Numbers only: nothing that would have to be destroyed when an operation is left in its middle.
  struct Told {
    int64_t values[3] = {0, 0, 0};
  };

  Told perform(const BreakerOperation& operation, Permits* permits) const {
    core::CircuitBreaker<ModelWord<kFault>> breaker(ModelWord<kFault>::cell(), scenario_.parameters);
    switch (operation.action) {
      case BreakerAction::kAdmit: {
        const core::BreakerAdmission admission = breaker.admit(
            operation.now_ns, operation.holder, [&](int64_t row) { return row != 0 && row == operation.gone; });
        if (admission.admitted) permits->held[permits->count++] = admission.permit;
        // Nor is the generation: one that makes the breaker half-open may find it closed by hand before it has its
        // place.
        return {{admission.admitted, static_cast<int64_t>(admission.state), admission.retry_after_ns}};
      }
      case BreakerAction::kIsolate:
        return {{breaker.force(core::BreakerState::kIsolated)}};
      case BreakerAction::kClose:
        return {{breaker.force(core::BreakerState::kClosed)}};
      case BreakerAction::kSucceed:
      case BreakerAction::kFail:
      case BreakerAction::kIgnore: {
        if (permits->count == 0) return {};
        const auto result = static_cast<core::CallResult>(static_cast<int>(operation.action) -
                                                          static_cast<int>(BreakerAction::kSucceed));
        // Who made a transition is not compared: whoever comes first after the last success may make it for another.
        breaker.settle(permits->held[--permits->count], result, false, operation.now_ns);
        return {};
      }
      case BreakerAction::kForget:
        breaker.forget(operation.holder);
        return {};
      case BreakerAction::kLook:
        breaker.keep_up();
        return {{static_cast<int64_t>(breaker.parameters()[core::breaker_parameter::kResetTimeoutMs]),
                 static_cast<int64_t>(breaker.parameters()[core::breaker_parameter::kProbeLeaseMs]),
                 breaker.updates()}};
      case BreakerAction::kUpdate:
        for (;;) {
          const int64_t seen = breaker.keep_up();
          core::BreakerParameters wanted = breaker.parameters();
          wanted.values[operation.parameter] = operation.value;
          if (wanted == breaker.parameters()) return {{kUnchanged}};
          const auto generation = core::CircuitBreaker<ModelWord<kFault>>::generation_of(seen);
          switch (breaker.update(generation, wanted, operation.now_ns)) {
            case core::UpdateResult::kDone:
              return {};
            case core::UpdateResult::kNoSlot:
              return {{kNoSlot}};
            case core::UpdateResult::kOutdated:
              break;
          }
        }
    }
    return {};
  }

  static std::string describe(const Told& told) {
    std::string text;
    for (const int64_t value : told.values) text += std::to_string(value) + " ";
    return text + "; ";
  }

  bool alone(Memory* memory, const BreakerOperation& operation, Permits* permits, std::string* told) {
    Told result;
    auto body = [&] { result = perform(operation, permits); };
    if (!processor.run_alone(memory, Memory::at_once, kMaxSteps, body))
      return failed("alone, an operation does not end");
    if (operation.action == BreakerAction::kUpdate && result.values[0] == kNoSlot) return failed("no slot is left");
    *told += describe(result);
    return true;
  }

  // Everything that was told, and of that what the last operations were, once they have run.
  bool finish(State state, std::string* told, std::string* told_last) {
    for (const Thread& thread : state.threads) *told += thread.told + "| ";
    Permits permits;
    for (const BreakerOperation& operation : scenario_.last) {
      if (!alone(&state.memory, operation, &permits, told_last)) return false;
    }
    *told += *told_last;
    return true;
  }

  // Runs every order of whole operations and notes what is told.
  void in_order(const State& state, const std::vector<size_t>& done) {
    bool any = false;
    for (size_t thread = 0; thread < done.size(); ++thread) {
      if (done[thread] == scenario_.threads[thread].size()) continue;
      any = true;
      State next = state;
      Thread& running = next.threads[thread];
      if (!alone(&next.memory, scenario_.threads[thread][done[thread]], &running.permits, &running.told)) return;
      std::vector<size_t> then = done;
      ++then[thread];
      in_order(next, then);
    }
    std::string told;
    std::string told_last;
    if ((any && !scenario_.is_whole) || !finish(state, &told, &told_last)) return;
    if (!any) explained_.insert(told);
    explained_deaths_.insert(told_last);
  }

  static DigestSet::Value digest_of(const State* state) {
    Digest digest;
    state->memory.add_to(&digest);
    for (const Thread& thread : state->threads) {
      thread.add_to(&digest);
      digest.add(std::hash<std::string>{}(thread.told));
      for (size_t i = 0; i < thread.permits.count; ++i)
        digest.add(static_cast<uint64_t>(thread.permits.held[i].lease + thread.permits.held[i].generation));
    }
    return digest.value();
  }

  bool judge(const State& state, bool is_end) {
    std::string told;
    std::string told_last;
    if (!finish(state, &told, &told_last)) return false;
    if (is_end) return explained_.count(told) > 0 || failed("no order explains " + told);
    return !scenario_.is_whole || explained_deaths_.count(told_last) > 0 ||
           failed("no order explains, after deaths, " + told_last);
  }

  void begin(State*, size_t) {}

  bool proceed(State* state, size_t index) {
    Thread& thread = state->threads[index];
    while (!finished(*state, index)) {
      Permits permits = thread.permits;
      Told result;
      auto body = [&] { result = perform(scenario_.threads[index][thread.operation], &permits); };
      if (!processor.replay(thread.answers, body)) return this->waits(state, index);
      thread.permits = permits;
      thread.told += describe(result);
      thread.operation_ended();
    }
    state->memory.end(index);
    return true;
  }

  const BreakerScenario scenario_;
  std::set<std::string> explained_;
  std::set<std::string> explained_deaths_;
};

}  // namespace amorsize::test
