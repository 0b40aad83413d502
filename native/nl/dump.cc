#include "nl/dump.h"

#include <linux/netlink.h>

#include <cerrno>

#include "nl/error_reply.h"

namespace nl {

namespace {

class DumpReader {
 public:
  DumpReader(uint32_t sequence, DumpSink& sink) noexcept : sequence_(sequence), sink_(sink) {}

  /// True when the dump has ended.
  bool take(std::span<const uint8_t> datagram, DumpOutcome& outcome) noexcept {
    MessageReader reader(datagram);
    for (Message message; reader.next(message);) {
      if (message.header.nlmsg_seq != sequence_) continue;
      if ((message.header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) outcome.interrupted = true;
      switch (message.header.nlmsg_type) {
        case NLMSG_NOOP:
          break;
        case NLMSG_DONE:
          if (message.body.size() >= sizeof(int32_t))
            outcome.error = load<int32_t>(message.body.data());
          return true;
        case NLMSG_OVERRUN:
          outcome = {.error = -ENOBUFS, .interrupted = false, .poisoned = true};
          return true;
        case NLMSG_ERROR:
          return takeError(message, outcome);
        default:
          sink_.onData(message);
      }
    }
    if (reader.malformed()) {
      outcome = {.error = -EBADMSG, .interrupted = false, .poisoned = true};
      return true;
    }
    return false;
  }

 private:
  static bool takeError(const Message& message, DumpOutcome& outcome) noexcept {
    ErrorReply error;
    if (!parseErrorReply(message, error)) {
      outcome = {.error = -EBADMSG, .interrupted = false, .poisoned = true};
      return true;
    }
    if (error.code == 0) return false;
    outcome.error = error.code;
    // Out of buffer space at its start, a dump may be running nevertheless. Busy: an earlier one
    // is.
    outcome.poisoned = error.code == -ENOBUFS || error.code == -ENOMEM || error.code == -EBUSY;
    return true;
  }

  uint32_t sequence_;
  DumpSink& sink_;
};

}  // namespace

DumpOutcome dump(Socket& socket, std::span<const uint8_t> request, std::span<uint8_t> buffer,
                 DumpSink& sink) noexcept {
  DumpOutcome outcome;
  if (request.size() < sizeof(nlmsghdr))
    return {.error = -EINVAL, .interrupted = false, .poisoned = false};
  if (const int error = socket.send(request, 1); error != 0) {
    return {.error = error, .interrupted = false, .poisoned = true};
  }
  DumpReader reader(load<nlmsghdr>(request.data()).nlmsg_seq, sink);
  for (;;) {
    const Received received = socket.receive(buffer);
    if (received.error != 0 || received.truncated) {
      // An empty queue before the end is as odd as a lost tail: neither happens to a dump that is
      // read at once.
      const int error = received.truncated          ? -EMSGSIZE
                        : received.error == -EAGAIN ? -EBADMSG
                                                    : received.error;
      return {.error = error, .interrupted = false, .poisoned = true};
    }
    if (reader.take(received.bytes, outcome)) return outcome;
  }
}

}  // namespace nl
