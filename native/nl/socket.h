#pragma once

#include <netlink/socket.h>

#include <cstdint>
#include <memory>
#include <span>

#include "nl/counters.h"
#include "nl/result.h"

namespace nl {

struct SocketFree {
  void operator()(nl_sock* socket) const noexcept { nl_socket_free(socket); }
};

/// What a receive found.
struct Received {
  /// 0, or the negative errno: -EAGAIN when the queue is empty, -ENOBUFS when the kernel has
  /// dropped something.
  int error = 0;
  std::span<const uint8_t> bytes;
  /// The datagram was larger than the buffer; its tail is lost.
  bool truncated = false;
};

/// A bound netlink socket. Sends are processed by the kernel before they return; receives never
/// wait.
class Socket {
 public:
  /// In the namespace of the calling thread. Extended acknowledgements and capped error replies are
  /// asked for.
  static Result<Socket> open(int protocol, std::shared_ptr<Counters> counters) noexcept;

  Socket(Socket&&) noexcept = default;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  void close() noexcept;

  /// Whole buffer in one call, to the kernel. 0 or a negative errno.
  [[nodiscard]] int send(std::span<const uint8_t> bytes, uint32_t messages) noexcept;
  /// One datagram into `buffer`. Datagrams that do not come from the kernel are skipped.
  [[nodiscard]] Received receive(std::span<uint8_t> buffer) noexcept;

  /// Ask for buffers of that many bytes: beyond the system's limit where the process may, else as
  /// far as allowed.
  void requestBuffers(int receive, int send) noexcept;
  /// As the kernel accounts them: SO_RCVBUF and SO_SNDBUF.
  [[nodiscard]] uint32_t receiveBuffer() const noexcept;
  [[nodiscard]] uint32_t sendBuffer() const noexcept;

  /// NETLINK_GET_STRICT_CHK: the kernel heeds filters in dump requests (4.20). Ignored by older
  /// ones.
  void requireStrictChecks() noexcept;

  /// Id of a generic netlink family, or a negative errno: -ENOENT when the kernel has none of that
  /// name and no module for it.
  [[nodiscard]] int resolveFamily(const char* name) noexcept;

 private:
  Socket(std::unique_ptr<nl_sock, SocketFree> socket, int fd,
         std::shared_ptr<Counters> counters) noexcept
      : socket_(std::move(socket)), fd_(fd), counters_(std::move(counters)) {}

  std::unique_ptr<nl_sock, SocketFree> socket_;
  int fd_ = -1;
  std::shared_ptr<Counters> counters_;
};

}  // namespace nl
