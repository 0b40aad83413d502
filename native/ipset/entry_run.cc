#include "ipset/entry_run.h"

#include <algorithm>
#include <cerrno>

#include "ipset/attributes.h"

namespace ipset {

namespace {

// What a window can hold of the smallest messages.
constexpr uint32_t kSequencesPerWindow = 4096;
// First private code of ip_set; below are ordinary errno values.
constexpr int32_t kPrivateCodes = 4096;

/// Members of a list:set have an order, so that what is sent again must not be overtaken.
bool keepsOrder(const EntryJob& job) noexcept {
  return !job.entries.empty() && (job.entries.front().parts & seam::kEntryName) != 0;
}

/// Without a line number: whether the code is about an element (or a form of it) and not about the
/// set or the caller.
bool aboutElement(int32_t code) noexcept { return code > 0 || code <= -kPrivateCodes; }

}  // namespace

class EntryRun::Sink final : public nl::ReplySink {
 public:
  explicit Sink(EntryRun& run) noexcept : run_(run) {}

  void onData(uint32_t /*slot*/, const nl::Message& /*message*/) noexcept override {}

  void onError(uint32_t index, const nl::ErrorReply& error) noexcept override {
    const nl::Window::Slot slot = run_.window_.slots()[index];
    const uint32_t slotEnd = slot.record + slot.count;
    ++refused_;
    run_.pace_.careful = true;
    if (run_.ended_) return;
    const uint32_t line = lineOf(error.request);
    if (line > slot.record && line <= slotEnd) {
      refuseElement(line - 1, slotEnd, error);
    } else if (!run_.pace_.numbered || (aboutElement(error.code) && slot.count > 1)) {
      run_.suspects_.push_back({.from = slot.record, .to = slotEnd});
    } else if (aboutElement(error.code)) {
      refuseElement(slot.record, slotEnd, error);
    } else {
      // The set is missing, the capability is missing …: true for all that is left.
      run_.reply_.fail(run_.job_.first + slot.record, error, seam::kFailureWholeMessage);
      if (error.code == -EPERM) run_.reply_.error = -EPERM;
      run_.unsettle(slot.record + 1);
      run_.ended_ = true;
    }
  }

  [[nodiscard]] uint32_t refused() const noexcept { return refused_; }

 private:
  void refuseElement(uint32_t element, uint32_t slotEnd, const nl::ErrorReply& error) noexcept {
    run_.reply_.fail(run_.job_.first + element, error);
    if (run_.stopOnError_) {
      run_.unsettle(element + 1);
      run_.ended_ = true;
    } else if (element + 1 < slotEnd) {
      run_.resume({.from = element + 1, .to = slotEnd});
    }
  }

  EntryRun& run_;
  uint32_t refused_ = 0;
};

EntryRun::EntryRun(nl::Endpoint& endpoint, const EntryJob& job, bool stopOnError, EntryPace& pace,
                   seam::Reply& reply) noexcept
    : endpoint_(endpoint),
      job_(job),
      writer_(job),
      reply_(reply),
      window_(endpoint.window()),
      count_(static_cast<uint32_t>(job.entries.size())),
      pace_(pace),
      settled_(count_),
      stopOnError_(stopOnError),
      sequential_(stopOnError || keepsOrder(job)) {
  if (writer_.tests()) pace_.perMessage = 1;
  // Without EXCL numbers can wait for the first refusal, since sending again what was applied
  // changes nothing; but not where elements have an order.
  pace_.numbered |= job.head.exist == 0 || writer_.tests() || keepsOrder(job);
}

void EntryRun::run() noexcept {
  while (!ended_ && fill()) {
    if (!send()) break;
    // Taken out first: what stands behind the malformed element goes to the pending ones.
    const std::vector<Range> suspects = std::exchange(suspects_, {});
    if (!suspects.empty() && !pace_.numbered) {
      // Where one is refused, more may be: from here on each refusal says which element it is.
      pace_.numbered = true;
      pending_.insert(pending_.begin(), suspects.begin(), suspects.end());
      continue;
    }
    for (const Range& range : suspects) {
      if (ended_ || !locate(range)) unsettle(range.from);
    }
  }
  for (const Range& range : pending_) unsettle(range.from);
  for (const Range& range : suspects_) unsettle(range.from);
  if (next_ < count_) unsettle(next_);
  reply_.settled = job_.first + settled_;
  reply_.sortFailures();
}

bool EntryRun::fill() noexcept {
  window_.reset(endpoint_.sequences(kSequencesPerWindow));
  const bool exclusive = job_.head.exist == 0;
  const auto room = [this]() noexcept {
    if (window_.empty()) return true;
    return !sequential_ && window_.messages() + 1 < kSequencesPerWindow &&
           EntryWriter::fits(window_, pace_);
  };
  size_t taken = 0;
  while (taken < pending_.size() && room()) {
    Range& range = pending_[taken];
    range.from = writer_.write(window_, range.from, range.to, pace_, exclusive);
    if (range.from == range.to) ++taken;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken));
  while (next_ < count_ && room()) next_ = writer_.write(window_, next_, count_, pace_, exclusive);
  return !window_.empty();
}

bool EntryRun::send() noexcept {
  if (window_.failed()) {
    end({.error = -ENOMEM, .unsent = true, .overrun = false, .answered = 0});
    return false;
  }
  Sink sink(*this);
  const nl::Outcome outcome = endpoint_.exchange(window_, sink);
  if (outcome.unsent && outcome.error == -EMSGSIZE && shrink()) return true;
  adapt(window_.messages(), sink.refused());
  if (ended_) {
    // What else was in the window may have been answered or not: the run has its result.
    return false;
  }
  if (outcome.error == 0 && !outcome.overrun) return true;
  end(outcome);
  return false;
}

void EntryRun::end(const nl::Outcome& outcome) noexcept {
  reply_.error = outcome.error;
  reply_.overrun = outcome.overrun;
  const std::span<const nl::Window::Slot> slots = window_.slots();
  for (const nl::Window::Slot& slot : slots.subspan(outcome.answered)) unsettle(slot.record);
  ended_ = true;
}

bool EntryRun::locate(Range range) noexcept {
  const EntryPace one{.perMessage = 1, .numbered = true, .careful = true};
  for (uint32_t at = range.from; at < range.to; ++at) {
    window_.reset(endpoint_.sequences(1));
    // Without EXCL: the elements before the malformed one were applied already, and doing that
    // again changes nothing.
    writer_.write(window_, at, range.to, one, false);
    const size_t before = reply_.failures.count();
    Sink sink(*this);
    const nl::Outcome outcome = endpoint_.exchange(window_, sink);
    if (outcome.error != 0 || outcome.overrun) {
      end(outcome);
      return false;
    }
    if (ended_) return true;
    if (reply_.failures.count() == before) continue;
    if (at + 1 < range.to) resume({.from = at + 1, .to = range.to});
    return true;
  }
  return true;
}

bool EntryRun::shrink() noexcept {
  if (window_.messages() == 1 && window_.slots().front().count > 1) {
    pace_.perMessage = std::max(window_.slots().front().count / 2, 1U);
  } else if (!window_.narrow()) {
    return false;
  }
  const std::span<const nl::Window::Slot> slots = window_.slots();
  for (size_t i = slots.size(); i-- > 0;) {
    resume({.from = slots[i].record, .to = slots[i].record + slots[i].count});
  }
  return true;
}

void EntryRun::adapt(uint32_t messages, uint32_t refused) noexcept {
  if (writer_.tests() || messages == 0) return;
  // Each refusal costs another message for the rest, echoed in full if that one is refused too:
  // when most are, single elements are cheaper; when few are, full messages.
  if (refused * 2 > messages) {
    const uint32_t largest =
        std::max_element(window_.slots().begin(), window_.slots().end(), [](auto& a, auto& b) {
          return a.count < b.count;
        })->count;
    pace_.perMessage = std::max(std::min(pace_.perMessage, largest) / 2, 1U);
  } else if (refused * 8 < messages) {
    pace_.perMessage = std::min(pace_.perMessage * 2, EntryPace::kUnlimited);
  }
}

void EntryRun::resume(Range range) noexcept { pending_.insert(pending_.begin(), range); }

void EntryRun::unsettle(uint32_t index) noexcept { settled_ = std::min(settled_, index); }

}  // namespace ipset
