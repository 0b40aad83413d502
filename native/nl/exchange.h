#pragma once

#include <cstdint>

#include "nl/bytes.h"
#include "nl/error_reply.h"
#include "nl/message.h"
#include "nl/socket.h"
#include "nl/window.h"

namespace nl {

/// Receives what the kernel answers to the messages of a window; `slot` is the index of the
/// message.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  virtual void onError(uint32_t slot, const ErrorReply& error) noexcept = 0;
  virtual void onData(uint32_t slot, const Message& message) noexcept = 0;
};

/// How an exchange ended.
struct Outcome {
  /// 0, or a negative errno: the send or a receive failed, or (-EBADMSG) the kernel has not looked
  /// at the last message.
  int error = 0;
  /// Nothing of the window was executed.
  bool unsent = false;
  /// The kernel dropped replies. Messages from `answered` on may or may not have taken effect.
  bool overrun = false;
  /// How many messages from the front have a known outcome.
  uint32_t answered = 0;
};

/// Send a window and collect every answer. The kernel processes the whole window inside the send,
/// so that afterwards all answers are in the receive queue: it is read until it is empty, without
/// waiting. A message without an error has succeeded. `buffer` is grown so that no answer can be
/// cut.
[[nodiscard]] Outcome exchange(Socket& socket, Window& window, Bytes& buffer,
                               ReplySink& sink) noexcept;

}  // namespace nl
