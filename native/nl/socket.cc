#include "nl/socket.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "nl/fd.h"

namespace nl {

namespace {

void enable(int fd, int option) noexcept {
  const int on = 1;
  // Missing on old kernels only, and nothing here depends on it: replies say themselves what they
  // carry.
  static_cast<void>(setsockopt(fd, SOL_NETLINK, option, &on, sizeof on));
}

void requestBuffer(int fd, int forced, int plain, int bytes) noexcept {
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof bytes) == 0) return;
  static_cast<void>(setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes));
}

uint32_t bufferSize(int fd, int option) noexcept {
  int bytes = 0;
  socklen_t length = sizeof bytes;
  if (getsockopt(fd, SOL_SOCKET, option, &bytes, &length) != 0 || bytes < 0) return 0;
  return static_cast<uint32_t>(bytes);
}

}  // namespace

Result<Socket> Socket::open(int protocol, std::shared_ptr<Counters> counters) noexcept {
  // Opened and bound here instead of by nl_connect(), which hides the errno and picks port ids from
  // a table of 1,024 per process; libnl owns the descriptor from nl_socket_set_fd() on.
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd.valid()) return Result<Socket>::failure(-errno);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Result<Socket>::failure(-errno);
  }
  std::unique_ptr<nl_sock, SocketFree> socket(nl_socket_alloc());
  if (socket == nullptr) return Result<Socket>::failure(-ENOMEM);
  if (nl_socket_set_fd(socket.get(), protocol, fd.get()) != 0)
    return Result<Socket>::failure(-EPROTO);
  const int raw = fd.release();
  enable(raw, NETLINK_EXT_ACK);
  enable(raw, NETLINK_CAP_ACK);
  count(counters->sockets);
  return Socket(std::move(socket), raw, std::move(counters));
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    socket_ = std::move(other.socket_);
    fd_ = std::exchange(other.fd_, -1);
    counters_ = std::move(other.counters_);
  }
  return *this;
}

void Socket::close() noexcept {
  if (socket_ == nullptr) return;
  socket_.reset();
  fd_ = -1;
  counters_->sockets.fetch_sub(1, std::memory_order_relaxed);
}

int Socket::send(std::span<const uint8_t> bytes, uint32_t messages) noexcept {
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  count(counters_->sends);
  ssize_t sent = 0;
  do {
    // With an address on each send only the sender's credentials count, not those of whoever opened
    // the socket.
    sent = sendto(fd_, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
                  sizeof kernel);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  count(counters_->messages, messages);
  count(counters_->bytesSent, static_cast<uint64_t>(sent));
  return 0;
}

Received Socket::receive(std::span<uint8_t> buffer) noexcept {
  for (;;) {
    sockaddr_nl from{};
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    count(counters_->receives);
    const ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ENOBUFS) count(counters_->overruns);
      return {.error = -errno, .bytes = {}, .truncated = false};
    }
    count(counters_->bytesReceived, static_cast<uint64_t>(got));
    if (from.nl_pid != 0) continue;
    return {.error = 0,
            .bytes = std::span<const uint8_t>(buffer).first(static_cast<size_t>(got)),
            .truncated = (message.msg_flags & MSG_TRUNC) != 0};
  }
}

void Socket::requestBuffers(int receive, int send) noexcept {
  requestBuffer(fd_, SO_RCVBUFFORCE, SO_RCVBUF, receive);
  requestBuffer(fd_, SO_SNDBUFFORCE, SO_SNDBUF, send);
}

uint32_t Socket::receiveBuffer() const noexcept { return bufferSize(fd_, SO_RCVBUF); }

uint32_t Socket::sendBuffer() const noexcept { return bufferSize(fd_, SO_SNDBUF); }

void Socket::requireStrictChecks() noexcept { enable(fd_, NETLINK_GET_STRICT_CHK); }

int Socket::resolveFamily(const char* name) noexcept {
  const int id = genl_ctrl_resolve(socket_.get(), name);
  if (id >= 0) return id;
  return id == -NLE_NOMEM ? -ENOMEM : -ENOENT;
}

}  // namespace nl
