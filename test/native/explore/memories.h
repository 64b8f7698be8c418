// What memory may answer. `Interleaving`: every load sees the last store. `ReleaseAcquire`: a load may see any store
// that the C++ orders do not hide from it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "explore/model_word.h"

namespace amorsize::test {

class Digest {
 public:
  void add(uint64_t word) {
    low_ = (std::rotl(low_, 25) ^ word) * 0x9E37'79B9'7F4A'7C15;
    high_ = (std::rotl(high_, 31) + word) * 0xC2B2'AE3D'27D4'EB4F ^ (low_ >> 29);
  }
  // Two runs that differ share a digest once in 2^128.
  std::pair<uint64_t, uint64_t> value() const { return {low_, high_}; }

 private:
  uint64_t low_ = 1;
  uint64_t high_ = 2;
};

class Interleaving {
 public:
  explicit Interleaving(size_t) {}

  void choices(size_t, const Request& request, bool spurious_allowed, std::vector<Answer>* out) const {
    out->clear();
    const Answer answer = plain_answer(request);
    out->push_back(answer);
    if (answer.swapped && request.may_fail_spuriously && spurious_allowed) out->push_back({answer.value, false, 0});
  }

  void apply(size_t, const Request& request, const Answer& answer) {
    if (request.kind == Request::Kind::kStore || answer.swapped) words_[request.word] = request.value;
  }

  // Every thread sees what has been done so far.
  void publish() {}

  // What a thread that has seen everything would do.
  static Answer at_once(void* memory, const Request& request) {
    auto* self = static_cast<Interleaving*>(memory);
    const Answer answer = self->plain_answer(request);
    self->apply(0, request, answer);
    return answer;
  }

  void add_to(Digest* digest) const {
    for (const int64_t word : words_) digest->add(static_cast<uint64_t>(word));
  }

 private:
  Answer plain_answer(const Request& request) const {
    const int64_t value = words_[request.word];
    const bool matches = ((value ^ request.expected) & request.mask) == 0;
    return {value, request.kind == Request::Kind::kSwap && matches, 0};
  }

  std::array<int64_t, kWords> words_{};
};

// Every value a word has had is a message; each thread remembers the earliest message it may still see of each word. A
// release store carries what its thread has seen, an acquire load takes that over, a swap acts on the last message
// only. This is release-acquire with relaxed accesses, except that no load sees a store that its own thread's later
// store would have to precede (load buffering), and that stores of one word come in the order in which they are
// executed: the core has no relaxed store after initialisation, and no two live threads store to the same plain word.
class ReleaseAcquire {
 public:
  explicit ReleaseAcquire(size_t threads) : seen_(threads) {
    for (auto& history : words_) history.push_back({0, {}});
  }

  void choices(size_t thread, const Request& request, bool spurious_allowed, std::vector<Answer>* out) const {
    out->clear();
    const auto& history = words_[request.word];
    const auto last = static_cast<uint8_t>(history.size() - 1);
    if (request.kind == Request::Kind::kStore) {
      out->push_back({0, false, last});
      return;
    }
    for (uint8_t i = seen_[thread][request.word]; i <= last; ++i) {
      const int64_t value = history[i].value;
      const bool matches = request.kind == Request::Kind::kSwap && ((value ^ request.expected) & request.mask) == 0;
      if (!matches || (request.may_fail_spuriously && spurious_allowed)) out->push_back({value, false, i});
      // A later message already follows this one, so a swap could not come right after it.
      if (matches && i == last) out->push_back({value, true, i});
    }
  }

  void apply(size_t thread, const Request& request, const Answer& answer) {
    View& mine = seen_[thread];
    auto& history = words_[request.word];
    if (request.kind != Request::Kind::kStore) {
      const Message& read = history[answer.message];
      const std::memory_order order = answer.swapped ? request.success : request.failure;
      mine[request.word] = std::max(mine[request.word], answer.message);
      if (order != std::memory_order_relaxed && order != std::memory_order_release) join(&mine, read.carries);
    }
    if (request.kind == Request::Kind::kStore || answer.swapped) {
      // A swap continues the release sequence of the message it replaces.
      View carries = answer.swapped ? history[answer.message].carries : View{};
      mine[request.word] = static_cast<uint8_t>(history.size());
      if (request.success == std::memory_order_release || request.success == std::memory_order_acq_rel) {
        join(&carries, mine);
      } else {
        carries[request.word] = mine[request.word];
      }
      history.push_back({request.value, carries});
    }
  }

  void publish() {
    for (View& view : seen_) view = seen_.front();
  }

  static Answer at_once(void* memory, const Request& request) {
    auto* self = static_cast<ReleaseAcquire*>(memory);
    const int64_t value = self->words_[request.word].back().value;
    const bool matches = ((value ^ request.expected) & request.mask) == 0;
    const Answer answer{value, request.kind == Request::Kind::kSwap && matches,
                        static_cast<uint8_t>(self->words_[request.word].size() - 1)};
    self->apply(0, request, answer);
    return answer;
  }

  void add_to(Digest* digest) const {
    for (const auto& history : words_) {
      digest->add(history.size());
      for (const Message& message : history) {
        digest->add(static_cast<uint64_t>(message.value));
        add_view(digest, message.carries);
      }
    }
    for (const View& view : seen_) add_view(digest, view);
  }

 private:
  using View = std::array<uint8_t, kWords>;
  static_assert(kWords % 8 == 0);
  struct Message {
    int64_t value;
    View carries;
  };

  static void join(View* into, const View& other) {
    for (size_t i = 0; i < kWords; ++i) (*into)[i] = std::max((*into)[i], other[i]);
  }
  static void add_view(Digest* digest, const View& view) {
    for (const uint64_t word : std::bit_cast<std::array<uint64_t, kWords / 8>>(view)) digest->add(word);
  }

  std::array<std::vector<Message>, kWords> words_;
  std::vector<View> seen_;
};

}  // namespace amorsize::test
