#pragma once

#include <cstdint>

#include "nl/endpoint.h"
#include "nl/error_reply.h"
#include "nl/message.h"
#include "nl/window.h"
#include "nl/writer.h"

namespace nl {

/// Requests of one message each, by index.
class Requests {
 public:
  virtual ~Requests() = default;
  [[nodiscard]] virtual uint32_t count() const noexcept = 0;
  virtual void encode(uint32_t index, uint32_t sequence, MessageWriter& writer) noexcept = 0;
  /// Bytes of receive buffer that the answer may take.
  [[nodiscard]] virtual size_t replyBudget(uint32_t index) const noexcept = 0;
  virtual void onError(uint32_t index, const ErrorReply& error) noexcept = 0;
  virtual void onData(uint32_t index, const Message& message) noexcept = 0;
  /// Every one of the last `messages` was answered by -ENOENT. True: forget those answers and send
  /// the same again.
  virtual bool retryNotFound([[maybe_unused]] uint32_t messages) noexcept { return false; }
  /// The kernel checks the capability once for a whole buffer (nfnetlink): -EPERM for the first
  /// message means all.
  [[nodiscard]] virtual bool permissionPerBuffer() const noexcept { return false; }
};

struct PipelineOutcome {
  int error = 0;
  bool overrun = false;
  uint32_t settled = 0;
};

/// Fill a window with requests from `next` on; returns the index behind the last one. `single`:
/// only one.
uint32_t fillWindow(Window& window, Requests& requests, uint32_t next, bool single) noexcept;

/// Send all requests, as many per send as the limits allow. `stopOnError`: one per send, and none
/// behind the first refusal.
[[nodiscard]] PipelineOutcome pipeline(Endpoint& endpoint, Requests& requests,
                                       bool stopOnError) noexcept;

}  // namespace nl
