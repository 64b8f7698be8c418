// The keyed table under every interleaving of a few threads, at the grain of single atomic operations, with death of
// all threads at every step; see explorer.h, whose memory and processor it uses.
#pragma once

#include "explore/keyed_model.h"
#include "explore/search.h"

namespace amorsize::test {

struct KeyedScenario {
  int slots;
  int burst;
  bool evicts;
  std::vector<KeyedOperation> first;                 // run before the threads start
  std::vector<std::vector<KeyedOperation>> threads;  // side by side
  std::vector<KeyedOperation> last;                  // run after each of them ended or died
  int attempts = 3;  // how often an operation begins anew before it reports that it is busy
};

// Every state the model could be in: which of the operations under way have taken effect already, and with which
// result.
class KeyedHistory {
 public:
  KeyedHistory(const KeyedModel& model, size_t threads)
      : pending_(threads), possible_{{model, std::vector<std::optional<KeyedResult>>(threads)}} {}

  void begin(size_t thread, const KeyedOperation& operation) { pending_[thread] = operation; }

  bool end(size_t thread, const KeyedResult& result, bool may_be_without_effect) {
    for (size_t i = 0; i < possible_.size(); ++i) {
      for (size_t other = 0; other < pending_.size(); ++other) {
        if (!pending_[other] || possible_[i].done[other]) continue;
        for (const auto& [model, told] : possible_[i].model.apply(*pending_[other])) {
          Possibility next{model, possible_[i].done};
          next.done[other] = told;
          if (std::find(possible_.begin(), possible_.end(), next) == possible_.end()) possible_.push_back(next);
        }
      }
    }
    std::erase_if(possible_, [&](const Possibility& p) {
      return p.done[thread] != result && !(may_be_without_effect && !p.done[thread]);
    });
    for (Possibility& p : possible_) p.done[thread].reset();
    pending_[thread].reset();
    return !possible_.empty();
  }

  // One more operation after all others, which may have been left half done for ever.
  bool then(const KeyedOperation& operation, const KeyedResult& result) {
    pending_.push_back(operation);
    for (Possibility& p : possible_) p.done.emplace_back();
    const bool explained = end(pending_.size() - 1, result, false);
    pending_.pop_back();
    for (Possibility& p : possible_) p.done.pop_back();
    return explained;
  }

  void add_to(Digest* digest) const {
    uint64_t sum = 0;
    for (const Possibility& p : possible_) {
      Digest one;
      one.add(p.model.hash());
      for (const auto& done : p.done)
        one.add(done ? 1 + static_cast<uint64_t>(done->outcome) + (std::bit_cast<uint64_t>(done->available) << 3) : 0);
      sum += one.value().first;
    }
    digest->add(possible_.size());
    digest->add(sum);
  }

 private:
  struct Possibility {
    KeyedModel model;
    std::vector<std::optional<KeyedResult>> done;
    bool operator==(const Possibility&) const = default;
  };

  std::vector<std::optional<KeyedOperation>> pending_;
  std::vector<Possibility> possible_;
};

struct KeyedThread : RunningThread {
  bool overlaps = false;
};

struct KeyedState {
  Interleaving memory;
  KeyedHistory history;
  std::vector<KeyedThread> threads;
};

template <KeyedFault kFault = KeyedFault::kNone>
class KeyedExplorer : public Search<KeyedExplorer<kFault>, KeyedState> {
  using State = KeyedState;
  using Base = Search<KeyedExplorer, State>;
  friend Base;

 public:
  explicit KeyedExplorer(const KeyedScenario& scenario) : Base(scenario.threads), scenario_(scenario) {}

 private:
  using Base::failed;
  using Base::finished;
  static constexpr size_t kMaxSteps = 2000;
  static constexpr int kAlone = 10;  // attempts of an operation that nobody disturbs any more
  static constexpr int64_t kNow = 1'000'000'000;
  static constexpr int64_t kFarthest = int64_t{1} << 50;
  static constexpr int64_t kFirstGeneration = 1;  // of a slot that was never anybody else's

  void explore() {
    const size_t count = scenario_.threads.size();
    State start{Interleaving(count),
                KeyedHistory(KeyedModel(scenario_.slots, scenario_.burst, scenario_.evicts), count),
                std::vector<KeyedThread>(count)};
    terms_ = core::KeyedTerms::make(kNow, {1, static_cast<double>(scenario_.burst), scenario_.slots, scenario_.evicts},
                                    {0, 0});
    auto initialize = [this] { core::KeyedTable<KeyedWord<kFault>>::initialize(KeyedWord<kFault>::cells(), terms_); };
    processor.run_alone(&start.memory, Interleaving::at_once, kMaxSteps, initialize);
    if (!alone(&start.memory, &start.history, scenario_.first)) return;
    for (size_t thread = 0; thread < count; ++thread) {
      if (!proceed(&start, thread)) return;
    }
    this->visit(start);
  }

  int64_t units(double tokens) const { return core::cost_units(tokens, terms_.scale.digits); }

  // All keys want the same slot first; their tags differ.
  static uint64_t hash_of(int key) { return (static_cast<uint64_t>(key) + 1) << 20; }

  KeyedResult perform(const KeyedOperation& operation, int attempts) const {
    // Terms are read from the words while a table is opened; here that would only multiply the states.
    core::KeyedTable<KeyedWord<kFault>> table(KeyedWord<kFault>::cells(), terms_, attempts);
    const uint64_t hash = hash_of(operation.key);
    switch (operation.kind) {
      case KeyedOperation::kAcquire:
        return {table.try_acquire(kNow, hash, operation.tokens)};
      case KeyedOperation::kCharge:
        return {table.charge(kNow, hash, operation.tokens)};
      case KeyedOperation::kReset:
        table.reset(kNow, hash);
        return {};
      case KeyedOperation::kRefund:
        return {core::Outcome::kGranted, table.refund(kNow, hash, operation.tokens)};
      case KeyedOperation::kRun: {
        const core::KeyedSurvey seen = table.survey(kNow, hash);
        return {table.reserve_run(kNow, hash, seen.generation, units(operation.tokens), 0, kFarthest).outcome};
      }
      case KeyedOperation::kReturn: {
        const int64_t end = terms_.produced(kNow) - terms_.burst + units(operation.end);
        const int64_t back = operation.tokens > 0 ? units(operation.tokens) : 0;
        const bool returned = table.return_run(kNow, hash, kFirstGeneration, end, back);
        return {returned ? core::Outcome::kGranted : core::Outcome::kDenied};
      }
      case KeyedOperation::kAvailable:
        return {core::Outcome::kGranted, table.look(kNow, hash, 1).available};
    }
    return {};
  }

  DigestSet::Value digest_of(const State* state) const {
    Digest digest = shared_of(*state);
    for (const KeyedThread& thread : state->threads) thread.add_to(&digest, size_t{thread.overlaps});
    return digest.value();
  }

  static Digest shared_of(const State& state) {
    Digest digest;
    state.memory.add_to(&digest);
    state.history.add_to(&digest);
    return digest;
  }

  bool judge(const State& state, bool) {
    if (!this->ended_.insert(shared_of(state).value())) return true;
    Interleaving memory = state.memory;
    KeyedHistory history = state.history;
    return alone(&memory, &history, scenario_.last);
  }

  void begin(State* state, size_t index) {
    state->history.begin(index, scenario_.threads[index][state->threads[index].operation]);
    for (size_t other = 0; other < state->threads.size(); ++other) {
      if (other == index || finished(*state, other) || state->threads[other].answers.empty()) continue;
      state->threads[other].overlaps = state->threads[index].overlaps = true;
    }
  }

  bool proceed(State* state, size_t index) {
    KeyedThread& thread = state->threads[index];
    while (!finished(*state, index)) {
      const KeyedOperation& operation = scenario_.threads[index][thread.operation];
      KeyedResult result;
      auto body = [&] { result = perform(operation, scenario_.attempts); };
      if (!processor.replay(thread.answers, body)) return this->waits(state, index);
      // Whose every attempt met another's success gives up, having done nothing.
      const bool gave_up = thread.overlaps && result.outcome == core::Outcome::kBusy;
      if (!state->history.end(index, result, gave_up))
        return failed("thread " + std::to_string(index) + ": no order explains " + describe(operation, result));
      thread.overlaps = false;
      thread.operation_ended();
    }
    return true;
  }

  bool alone(Interleaving* memory, KeyedHistory* history, const std::vector<KeyedOperation>& operations) {
    for (const KeyedOperation& operation : operations) {
      KeyedResult result;
      auto body = [&] { result = perform(operation, kAlone); };
      if (!processor.run_alone(memory, Interleaving::at_once, kMaxSteps, body))
        return failed("alone, does not end: " + describe(operation, result));
      if (!history->then(operation, result)) return failed("alone, no order explains " + describe(operation, result));
    }
    return true;
  }

  static std::string describe(const KeyedOperation& operation, const KeyedResult& result) {
    static constexpr const char* kNames[] = {"acquire", "charge", "reset", "available", "run", "return", "refund"};
    return std::string(kNames[operation.kind]) + "(key " + std::to_string(operation.key) + ", " +
           std::to_string(operation.tokens) + "): outcome " + std::to_string(static_cast<int>(result.outcome)) + ", " +
           std::to_string(result.available);
  }

  const KeyedScenario scenario_;
  core::KeyedTerms terms_{};
};

}  // namespace amorsize::test
