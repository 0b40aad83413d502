#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "nl/bytes.h"
#include "nl/counters.h"
#include "nl/dump.h"
#include "nl/exchange.h"
#include "nl/netns.h"
#include "nl/socket.h"
#include "nl/window.h"

namespace nl {

/// The sockets of one conversation with one netlink protocol in one namespace. Not thread-safe: one
/// caller at a time.
class Endpoint {
 public:
  /// Which dump socket: the kernel allocates datagrams by the largest receive that a socket has
  /// seen, so that many tiny dumps are three times as fast on a socket that has only seen small
  /// buffers.
  enum class DumpSize : uint8_t { kSmall, kLarge };

  Endpoint(int protocol, Netns netns, std::shared_ptr<Counters> counters) noexcept
      : protocol_(protocol), netns_(std::move(netns)), counters_(std::move(counters)) {}

  /// Why opening failed.
  struct OpenError {
    int error = 0;
    bool entering = false;  ///< the namespace could not be entered
  };

  /// Open the command socket.
  [[nodiscard]] OpenError open() noexcept;
  /// Close all sockets and let go of the namespace; the endpoint cannot be used again.
  void close() noexcept;
  [[nodiscard]] bool isOpen() const noexcept { return command_.has_value(); }

  [[nodiscard]] uint32_t receiveBuffer() const noexcept { return receiveBuffer_; }
  [[nodiscard]] uint32_t sendBuffer() const noexcept { return sendBuffer_; }
  [[nodiscard]] WindowLimits limits() const noexcept {
    return WindowLimits::forBuffers(sendBuffer_, receiveBuffer_);
  }

  /// An empty window to fill and exchange; the one of the call before is gone, but for its memory.
  [[nodiscard]] Window& window() noexcept {
    window_.limit(limits());
    return window_;
  }

  /// The next `count` sequence numbers; never 0.
  [[nodiscard]] uint32_t sequences(uint32_t count) noexcept;

  /// Send a window on the command socket.
  [[nodiscard]] Outcome exchange(Window& window, ReplySink& sink) noexcept;
  /// Run a dump on a socket of its own. The request's sequence number is filled in here.
  [[nodiscard]] DumpOutcome dump(DumpSize size, std::span<uint8_t> request,
                                 DumpSink& sink) noexcept;

  /// Run `work` in the namespace of the sockets, as Netns::run.
  template <class Work>
  [[nodiscard]] int inside(Work& work) const noexcept {
    return netns_.run(work);
  }

  /// As Socket::resolveFamily.
  [[nodiscard]] int resolveFamily(const char* name) noexcept;

 private:
  [[nodiscard]] OpenError openInto(std::optional<Socket>& socket) noexcept;

  int protocol_;
  Netns netns_;
  std::shared_ptr<Counters> counters_;
  std::optional<Socket> command_;
  std::array<std::optional<Socket>, 2> dumps_;
  Window window_;
  Bytes commandBuffer_;
  std::array<Bytes, 2> dumpBuffers_;
  uint32_t receiveBuffer_ = 0;
  uint32_t sendBuffer_ = 0;
  uint32_t sequence_ = 1;
};

}  // namespace nl
