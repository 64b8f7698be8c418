// What a token bucket promises, written as plainly as can be: one thread, exact fractions in 128 bits, nothing packed.
// Rates are whole numbers of units a second. Tests compare the bucket with it, alone and under every interleaving.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

#include "core/token_bucket.h"

namespace amorsize::test {

__extension__ using int128 = __int128;

enum class Action {
  kAcquireOne,
  kAcquire,
  kReserve,
  kCancel,
  kRefund,
  kCharge,
  kAvailable,
  kRemaining,
  kParameters,
  kUpdate,
  kPause,
  kReset,
  kReserveRun,
  kReturnRun
};

struct Operation {
  Action action;
  int64_t now_ns;
  double amount = 1;  // tokens; of kUpdate the rate
  double burst = 0;   // kUpdate; kReserveRun: its reach in tokens, if more; kReset: tokens owed
  int64_t limit = 0;  // kReserve: longest wait; kPause: until when; kReserveRun: tokens beyond now where it may begin
};

// Everything that any operation can tell its caller.
struct Result {
  core::Outcome outcome = core::Outcome::kGranted;
  int64_t wait_ns = 0;
  int64_t position = 0;
  double first = 0;
  double second = 0;
  bool operator==(const Result&) const = default;
};

inline bool is_change(Action action) {
  return action == Action::kUpdate || action == Action::kPause || action == Action::kReset;
}

inline std::string describe(const Operation& operation) {
  static constexpr const char* kNames[] = {"acquireOne", "acquire",   "reserve",    "cancel",     "refund",
                                           "charge",     "available", "remaining",  "parameters", "update",
                                           "pause",      "reset",     "reserveRun", "returnRun"};
  return std::string(kNames[static_cast<int>(operation.action)]) + "(t=" + std::to_string(operation.now_ns) + ", " +
         std::to_string(operation.amount) + ", " + std::to_string(operation.burst) + ", " +
         std::to_string(operation.limit) + ")";
}

inline std::string describe(const Result& result) {
  return "outcome " + std::to_string(static_cast<int>(result.outcome)) + ", wait " + std::to_string(result.wait_ns) +
         " ns, position " + std::to_string(result.position) + ", " + std::to_string(result.first) + ", " +
         std::to_string(result.second);
}

// Runs one operation on the bucket. `ticket` is the caller's last reservation; generation -1: it has none.
template <class W>
Result perform(core::TokenBucket<W> bucket, const Operation& operation, core::Ticket* ticket) {
  const auto [action, now, amount, burst, limit] = operation;
  switch (action) {
    case Action::kAcquireOne:
      return {bucket.try_acquire_one(now) ? core::Outcome::kGranted : core::Outcome::kDenied};
    case Action::kAcquire:
      return {bucket.try_acquire(now, amount)};
    case Action::kReserve: {
      const core::Reservation made = bucket.reserve(now, amount, limit);
      if (made.outcome == core::Outcome::kGranted) *ticket = made.ticket;
      return {made.outcome, made.wait_ns, made.ticket.position};
    }
    case Action::kCancel: {
      if (ticket->generation < 0) return {};
      const double returned = bucket.cancel(now, *ticket, amount);
      ticket->generation = -1;
      return {.first = returned};
    }
    case Action::kRefund: {
      const double returned = bucket.refund(now, amount);
      if (returned == bucket.kTryAgain) return {core::Outcome::kBusy};
      return {.first = returned};
    }
    case Action::kCharge:
      return {bucket.charge(now, amount)};
    case Action::kAvailable:
      return {.first = bucket.available(now)};
    case Action::kRemaining: {
      if (ticket->generation < 0) return {};
      // Asked as if the parameters had changed, so that the answer is the wait itself.
      core::Ticket asked = *ticket;
      asked.generation = std::numeric_limits<int64_t>::max();
      const int64_t wait = bucket.remaining(now, &asked);
      return {.wait_ns = wait, .position = asked.position};
    }
    case Action::kParameters: {
      const core::Parameters in_force = bucket.parameters();
      return {.first = in_force.rate, .second = in_force.burst};
    }
    case Action::kUpdate:
      return {bucket.update(now, amount, burst)};
    case Action::kPause:
      return {bucket.pause(now, limit)};
    case Action::kReset:
      return {bucket.reset(now, burst)};
    case Action::kReserveRun: {
      const core::Survey seen = bucket.survey(now);
      const int64_t units = core::cost_units(amount, seen.digits);
      const core::Run run = bucket.reserve_run(now, seen.generation, units, core::cost_units(burst, seen.digits),
                                               seen.produced + core::credit_units(limit, seen.digits));
      if (run.outcome != core::Outcome::kGranted) return {run.outcome};
      *ticket = {seen.base + run.start + units, seen.generation, seen.digits};
      return {run.outcome, 0, ticket->position};
    }
    case Action::kReturnRun: {
      if (ticket->generation < 0) return {};
      for (;;) {
        const core::Survey seen = bucket.survey(now);
        const int64_t end = core::rescale_up(ticket->position, ticket->digits, seen.digits) - seen.base;
        const bool returned = bucket.return_run(now, seen.generation, end, core::cost_units(amount, seen.digits));
        if (!returned && bucket.parameters().generation != seen.generation) continue;
        ticket->generation = -1;
        return {.first = returned ? amount : 0};
      }
    }
  }
  return {};
}

// 10^digits, for digits of either sign.
inline long double power_of_ten(int digits) {
  static constexpr long double kUp[] = {1e0L, 1e1L, 1e2L, 1e3L, 1e4L, 1e5L, 1e6L};
  return digits >= 0 ? kUp[digits] : 1 / kUp[-digits];
}

class BucketModel {
 public:
  BucketModel(int64_t now_ns, double rate, double burst) : epoch_(now_ns) {
    set_parameters(rate, burst, 0);
    spent_ = -burst_;
  }

  Result apply(const Operation& operation, const core::Ticket& ticket) {
    const auto [action, now, amount, burst, limit] = operation;
    switch (action) {
      case Action::kAcquireOne:
      case Action::kAcquire: {
        if (amount > asked_burst_) return {core::Outcome::kExceedsBurst};
        const int128 next = spent_at(now) + cost(amount);
        if (next > produced(now) || is_paused(now)) return {core::Outcome::kDenied};
        spent_ = next;
        return {};
      }
      case Action::kReserve: {
        if (amount > asked_burst_) return {core::Outcome::kExceedsBurst, core::kNever};
        const int128 next = spent_at(now) + cost(amount);
        const int64_t wait = next > produced(now) || is_paused(now) ? wait_for(next, now) : 0;
        if (wait > limit) return {core::Outcome::kDenied, wait};
        keep_place(operation);
        spent_ = next;
        return {core::Outcome::kGranted, wait, static_cast<int64_t>(next)};
      }
      case Action::kCancel: {
        if (ticket.generation < 0 || spent_at(now) != in_units_of_now(ticket)) return {};
        return {.first = give_back(now, static_cast<int64_t>(in_units(amount, false)))};
      }
      case Action::kReturnRun: {
        if (ticket.generation < 0 || spent_at(now) != in_units_of_now(ticket)) return {};
        spent_ = spent_at(now) - units_of_run(operation);
        return {.first = amount};
      }
      case Action::kReserveRun: {
        const int128 start = start_of_run(operation);
        if (is_paused(now) || start > produced(now) + static_cast<int64_t>(in_units(static_cast<double>(limit), false)))
          return {core::Outcome::kDenied};
        keep_place(operation);
        spent_ = start + units_of_run(operation);
        return {core::Outcome::kGranted, 0, static_cast<int64_t>(spent_)};
      }
      case Action::kRefund: {
        const int128 before = spent_at(now);
        const auto units = static_cast<int64_t>(in_units(amount, false));
        const double returned = give_back(now, units);
        if (returned > 0 && reserved() > spent_) {  // the axis moves on instead
          base_ += before - spent_;
          spent_ = before;
        }
        return {.first = returned};
      }
      case Action::kCharge: {
        spent_ = spent_at(now) + std::max<int64_t>(static_cast<int64_t>(in_units(amount, true)), 1);
        return {};
      }
      case Action::kAvailable:
        if (is_paused(now)) return {};
        return {.first = tokens(std::max<int128>(produced(now) - spent_at(now), 0))};
      case Action::kRemaining: {
        if (ticket.generation < 0) return {};
        const int128 position = in_units_of_now(ticket);
        return {.wait_ns = wait_for(position, now), .position = static_cast<int64_t>(position)};
      }
      case Action::kParameters:
        return {.first = asked_rate_, .second = asked_burst_};
      case Action::kUpdate: {
        settle(now);
        set_parameters(amount, burst, std::max(base_, spent_));
        spent_ = std::max(spent_, base_ - burst_);
        return {};
      }
      case Action::kPause: {
        if (std::max(epoch_, now) >= limit) return {};
        settle(now);
        spent_ = std::max(spent_, base_);
        epoch_ = limit;
        ends_pause_ = true;
        return {};
      }
      case Action::kReset: {
        settle(now);
        const int128 owed = static_cast<int64_t>(in_units(burst, false));
        base_ = spent_ + burst_ - std::min(owed, std::max<int128>(spent_ - base_, 0));
        epoch_ = now;
        ends_pause_ = false;
        set_parameters(asked_rate_, asked_burst_, std::max(base_, spent_));
        return {};
      }
    }
    return {};
  }

  // Keeps in mind how far the operation will have reserved. Who is about to reserve does so first, and may then find
  // that he has to begin anew, or die.
  void keep_place(const Operation& operation) {
    int128 place = 0;
    if (operation.action == Action::kReserve && operation.amount <= asked_burst_) {
      place = spent_at(operation.now_ns) + cost(operation.amount);
    } else if (operation.action == Action::kReserveRun) {
      place = start_of_run(operation) + units_of_run(operation);
    } else {
      return;
    }
    if (place <= reserved()) return;
    reserved_ = place > core::bucket::kMaxReserved ? Place{(place + 9) / 10, digits_ - 1} : Place{place, digits_};
  }

  bool operator==(const BucketModel&) const = default;

  uint64_t hash() const {
    uint64_t h = 0;
    for (const uint64_t word :
         {static_cast<uint64_t>(epoch_), static_cast<uint64_t>(ends_pause_), static_cast<uint64_t>(base_),
          static_cast<uint64_t>(spent_), static_cast<uint64_t>(reserved_.units), static_cast<uint64_t>(burst_),
          std::bit_cast<uint64_t>(asked_rate_), std::bit_cast<uint64_t>(asked_burst_)}) {
      h = (std::rotl(h, 23) ^ word) * 0x9E37'79B9'7F4A'7C15;
    }
    return h;
  }

 private:
  bool is_paused(int64_t now) const { return ends_pause_ && now < epoch_; }
  int128 produced(int64_t now) const {
    return now > epoch_ ? base_ + static_cast<int128>(now - epoch_) * units_per_second_ / 1'000'000'000 : base_;
  }
  int128 spent_at(int64_t now) const { return std::max(spent_, produced(now) - burst_); }

  int64_t wait_for(int128 units, int64_t now) const {
    const int128 needed = std::max<int128>(units - base_, 0);
    const int128 since_epoch = (needed * 1'000'000'000 + units_per_second_ - 1) / units_per_second_;
    return static_cast<int64_t>(std::max<int128>(since_epoch - (static_cast<int128>(now) - epoch_), 0));
  }

  // Decimals are meant as written: an amount within a double's error of a whole number of units is that number.
  double in_units(double amount, bool up) const {
    const long double exact = digits_ >= 0 ? amount * power_of_ten(digits_) : amount / power_of_ten(-digits_);
    const long double nearest = roundl(exact);
    if (fabsl(exact - nearest) <= nearest * 1e-15L) return static_cast<double>(nearest);
    return static_cast<double>(up ? ceill(exact) : floorl(exact));
  }
  int64_t cost(double amount) const {
    return std::min(std::max<int64_t>(static_cast<int64_t>(in_units(amount, true)), 1), burst_);
  }

  double tokens(int128 units) const {
    if (units == burst_) return asked_burst_;
    const auto factor = static_cast<double>(power_of_ten(std::abs(digits_)));
    return std::min(digits_ >= 0 ? static_cast<double>(units) / factor : static_cast<double>(units) * factor,
                    asked_burst_);
  }

  double give_back(int64_t now, int128 units) {
    if (units <= 0) return 0;
    const int128 full = produced(now) - burst_;
    const int128 before = spent_at(now);
    if (before == full) return 0;
    spent_ = std::max(before - units, full);
    return tokens(before - spent_);
  }

  int128 in_units_of_now(const core::Ticket& ticket) const { return rescaled(ticket.position, ticket.digits, true); }
  int128 reserved() const { return rescaled(reserved_.units, reserved_.digits, true); }

  int64_t units_of_run(const Operation& operation) const {
    return std::max<int64_t>(static_cast<int64_t>(in_units(operation.amount, true)), 1);
  }
  int128 start_of_run(const Operation& operation) const {
    const auto reach = std::max<int64_t>(static_cast<int64_t>(in_units(operation.burst, true)), 1);
    return std::max(spent_, produced(operation.now_ns) - std::max(reach, burst_));
  }

  int128 rescaled(int128 units, int from, bool up) const {
    for (; from < digits_; ++from) units *= 10;
    int128 factor = 1;
    for (; from > digits_; --from) factor *= 10;
    int128 quotient = units / factor;
    if (quotient * factor > units) --quotient;
    return up && quotient * factor != units ? quotient + 1 : quotient;
  }

  // Moves the epoch to `now`; a pause goes on.
  void settle(int64_t now) {
    const int128 there = produced(now);
    spent_ = spent_at(now);
    base_ = there;
    ends_pause_ = is_paused(now);
    epoch_ = std::max(epoch_, now);
  }

  void set_parameters(double rate, double burst, int128 used) {
    const long double used_tokens = used > 0 ? static_cast<long double>(used) / power_of_ten(digits_) : 0;
    const int before = digits_;
    const auto fits = [&](int digits) {
      const long double unit = power_of_ten(digits);
      return (rate * 100.0L * 365.25L * 86400 + burst + used_tokens) * unit < 0x1p62L && burst * unit <= 0x1p50L;
    };
    digits_ = 6;
    while (digits_ > -6 && !fits(digits_)) --digits_;
    base_ = rescaled(base_, before, false);
    spent_ = rescaled(spent_, before, true);
    asked_rate_ = rate;
    asked_burst_ = burst;
    units_per_second_ = static_cast<int64_t>(in_units(rate, false));
    burst_ = std::max<int64_t>(static_cast<int64_t>(in_units(burst, false)), 1);
  }

  int digits_ = 6;
  int64_t units_per_second_ = 0;
  int64_t burst_ = 0;
  double asked_rate_ = 0;
  double asked_burst_ = 0;
  bool ends_pause_ = false;  // the epoch does
  int64_t epoch_;            // when `base_` units had been produced
  int128 base_ = 0;
  int128 spent_ = 0;

  struct Place {
    int128 units;
    int digits;
    bool operator==(const Place&) const = default;
  };
  Place reserved_{-(int128{1} << 59), core::kMinDigits};  // before any
};

}  // namespace amorsize::test
