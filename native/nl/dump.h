#pragma once

#include <cstdint>
#include <span>

#include "nl/bytes.h"
#include "nl/message.h"
#include "nl/socket.h"

namespace nl {

/// Receives the messages of a dump.
class DumpSink {
 public:
  virtual ~DumpSink() = default;
  virtual void onData(const Message& message) noexcept = 0;
};

/// How a dump ended.
struct DumpOutcome {
  /// 0, or a negative errno: refused at the start, ended by the kernel with an error, or a receive
  /// that failed.
  int error = 0;
  /// The kernel marked it inconsistent (NLM_F_DUMP_INTR): do it again.
  bool interrupted = false;
  /// The socket is in an unknown state: close it.
  bool poisoned = false;
};

/// Send one dump request and read to its end. The kernel writes the first datagram inside the send
/// and each further one inside the receive before it, so that the queue is never empty before the
/// end.
[[nodiscard]] DumpOutcome dump(Socket& socket, std::span<const uint8_t> request,
                               std::span<uint8_t> buffer, DumpSink& sink) noexcept;

}  // namespace nl
