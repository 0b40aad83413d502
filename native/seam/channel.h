#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "ipvs/family.h"
#include "nl/endpoint.h"
#include "seam/reply.h"
#include "seam/request.h"

namespace seam {

/// What opening came to.
struct OpenOutcome {
  enum class Step : uint8_t { kDone, kNetns, kSocket, kFamily };
  Step step = Step::kDone;
  int error = 0;
  uint32_t receiveBuffer = 0;
  uint32_t sendBuffer = 0;
};

/// The sockets of one subsystem in one network namespace, and what can be done with them. Runs and
/// dumps come from worker threads, one at a time; close() waits for the one that is running.
class Channel {
 public:
  Channel(Subsystem subsystem, nl::Netns netns) noexcept;

  [[nodiscard]] Subsystem subsystem() const noexcept { return subsystem_; }
  [[nodiscard]] const nl::Counters& counters() const noexcept { return *counters_; }

  [[nodiscard]] OpenOutcome open() noexcept;
  void run(const Request& request, Reply& reply) noexcept;
  /// Read the request's text and send what it says.
  void load(const Request& request, Reply& reply) noexcept;
  void dump(const Request& request, Reply& reply) noexcept;
  /// After the run or dump that is under way, even if another worker thread has not begun it yet.
  void close() noexcept;

  /// Claim the channel for one run or dump; false when one is under way. For the JavaScript thread.
  [[nodiscard]] bool claim() noexcept {
    if (busy_.exchange(true)) return false;
    underWay_.store(true);
    return true;
  }
  void release() noexcept {
    finish();
    busy_.store(false);
  }
  /// The run or dump is through with the channel: close() may go on. For any thread.
  void finish() noexcept {
    underWay_.store(false);
    underWay_.notify_all();
  }
  /// Memory for the records or the text of the next call, and back: a bulk load comes in many
  /// parts, and fresh pages cost as much as the copy. For the JavaScript thread.
  [[nodiscard]] nl::Bytes takeSpare() noexcept { return std::move(spare_); }
  void giveSpare(nl::Bytes bytes) noexcept;
  /// close() was asked for. For the JavaScript thread.
  [[nodiscard]] bool closing() const noexcept { return closing_.load(); }
  void startClosing() noexcept { closing_.store(true); }

 private:
  Subsystem subsystem_;
  std::shared_ptr<nl::Counters> counters_;
  std::mutex mutex_;
  nl::Endpoint endpoint_;
  ipvs::Family family_;
  nl::Bytes spare_;
  nl::Table<SetEntry> elements_;  ///< of the last load, for the next one
  std::atomic<bool> busy_{false};
  std::atomic<bool> underWay_{false};
  std::atomic<bool> closing_{false};
};

}  // namespace seam
