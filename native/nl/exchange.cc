#include "nl/exchange.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

namespace nl {

namespace {

// Data replies are below 4 KiB, but for links with many virtual functions.
constexpr size_t kSmallestBuffer = size_t{32} * 1024;
// Errors of ip_set carry the whole request.
constexpr size_t kErrorOverhead = size_t{4} * 1024;
constexpr int kSendAttempts = 3;

int sendWindow(Socket& socket, const Window& window) noexcept {
  int error = 0;
  for (int attempt = 0; attempt < kSendAttempts; ++attempt) {
    error = socket.send(window.bytes(), window.messages());
    // Short of memory before anything was executed: worth another attempt.
    if (error != -ENOBUFS && error != -ENOMEM) break;
  }
  return error;
}

void dispatch(std::span<const uint8_t> datagram, Window& window, ReplySink& sink,
              uint32_t& seen) noexcept {
  MessageReader reader(datagram);
  for (Message message; reader.next(message);) {
    const uint32_t slot = message.header.nlmsg_seq - window.firstSequence();
    // Foreign numbers belong to an earlier conversation that was given up.
    if (slot >= window.messages()) continue;
    switch (message.header.nlmsg_type) {
      case NLMSG_NOOP:
      case NLMSG_DONE:
      case NLMSG_OVERRUN:
        break;
      case NLMSG_ERROR: {
        ErrorReply error;
        if (!parseErrorReply(message, error)) break;
        window.slots()[slot].answered = true;
        seen = std::max(seen, slot + 1);
        if (error.code != 0) sink.onError(slot, error);
        break;
      }
      default:
        seen = std::max(seen, slot + 1);
        sink.onData(slot, message);
    }
  }
}

}  // namespace

Outcome exchange(Socket& socket, Window& window, Bytes& buffer, ReplySink& sink) noexcept {
  Outcome outcome;
  window.seal();
  const size_t room = std::max(kSmallestBuffer, window.largestMessage() + kErrorOverhead);
  if (buffer.size() < room && buffer.extend(room - buffer.size()) == nullptr) {
    return {.error = -ENOMEM, .unsent = true, .overrun = false, .answered = 0};
  }
  if (const int error = sendWindow(socket, window); error != 0) {
    return {.error = error, .unsent = true, .overrun = false, .answered = 0};
  }
  uint32_t seen = 0;
  for (;;) {
    const Received received = socket.receive({buffer.data(), buffer.size()});
    if (received.error == -EAGAIN) break;
    if (received.error == -ENOBUFS) {
      // Reported once, ahead of what is still in the queue; everything behind that is lost.
      outcome.overrun = true;
      continue;
    }
    if (received.error != 0) {
      outcome.error = received.error;
      break;
    }
    if (received.truncated) outcome.overrun = true;
    dispatch(received.bytes, window, sink, seen);
  }
  const bool complete = window.slots().back().answered;
  if (complete && !outcome.overrun && outcome.error == 0) {
    outcome.answered = window.messages();
  } else {
    outcome.answered = seen;
    if (!outcome.overrun && outcome.error == 0) outcome.error = -EBADMSG;
  }
  return outcome;
}

}  // namespace nl
