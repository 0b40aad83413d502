#include "nl/pipeline.h"

#include <cerrno>

namespace nl {

namespace {

// More than fits: the smallest message has 20 bytes, a window 64 KiB.
constexpr uint32_t kSequencesPerWindow = 4096;
// Larger than any message of one request.
constexpr size_t kLargestRequest = 1024;

/// Translates slots of a window into indexes of requests.
class PipelineSink final : public ReplySink {
 public:
  PipelineSink(Requests& requests, uint32_t first) noexcept : requests_(requests), first_(first) {}

  void onError(uint32_t slot, const ErrorReply& error) noexcept override {
    ++errors_;
    if (error.code == -ENOENT) ++notFound_;
    if (error.code == -EPERM && slot == 0) refused_ = true;
    requests_.onError(first_ + slot, error);
  }

  void onData(uint32_t slot, const Message& message) noexcept override {
    requests_.onData(first_ + slot, message);
  }

  [[nodiscard]] uint32_t errors() const noexcept { return errors_; }
  [[nodiscard]] uint32_t notFound() const noexcept { return notFound_; }
  [[nodiscard]] bool refused() const noexcept { return refused_; }

 private:
  Requests& requests_;
  uint32_t first_;
  uint32_t errors_ = 0;
  uint32_t notFound_ = 0;
  bool refused_ = false;
};

}  // namespace

uint32_t fillWindow(Window& window, Requests& requests, uint32_t next, bool single) noexcept {
  const uint32_t count = requests.count();
  while (next < count) {
    const size_t replies = requests.replyBudget(next);
    if (window.messages() + 1 >= kSequencesPerWindow || !window.fits(kLargestRequest, replies))
      break;
    MessageWriter writer = window.writer();
    requests.encode(next, window.sequence(), writer);
    window.close(next, 1, replies);
    ++next;
    if (single) break;
  }
  return next;
}

PipelineOutcome pipeline(Endpoint& endpoint, Requests& requests, bool stopOnError) noexcept {
  PipelineOutcome result;
  Window& window = endpoint.window();
  while (result.settled < requests.count()) {
    const uint32_t first = result.settled;
    window.reset(endpoint.sequences(kSequencesPerWindow));
    const uint32_t end = fillWindow(window, requests, first, stopOnError);
    if (window.failed()) {
      result.error = -ENOMEM;
      return result;
    }
    PipelineSink sink(requests, first);
    const Outcome outcome = endpoint.exchange(window, sink);
    if (outcome.unsent && outcome.error == -EMSGSIZE && window.narrow()) continue;
    if (sink.refused() && requests.permissionPerBuffer()) {
      result.error = -EPERM;
      result.settled = first + 1;
      return result;
    }
    if (sink.notFound() == window.messages() && requests.retryNotFound(window.messages())) continue;
    result.settled = first + outcome.answered;
    result.error = outcome.error;
    result.overrun = outcome.overrun;
    if (result.error != 0 || result.overrun) return result;
    if (stopOnError && sink.errors() != 0) return result;
    result.settled = end;
  }
  return result;
}

}  // namespace nl
