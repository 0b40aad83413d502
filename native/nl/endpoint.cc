#include "nl/endpoint.h"

#include <linux/netlink.h>

#include <cerrno>

namespace nl {

namespace {

// 1 MiB is accounted as 2 MiB: two thousand small replies, more than a window of 64 KiB can cause.
constexpr int kReceiveBuffer = 1024 * 1024;
constexpr int kSendBuffer = 256 * 1024;
// Below two pages the kernel serves small dumps from cheap allocations; above 32 KiB datagrams do
// not grow.
constexpr std::array<size_t, 2> kDumpBuffers{size_t{4} * 1024, size_t{64} * 1024};

}  // namespace

Endpoint::OpenError Endpoint::openInto(std::optional<Socket>& socket) noexcept {
  int error = 0;
  auto work = [&]() noexcept {
    Result<Socket> opened = Socket::open(protocol_, counters_);
    if (opened.ok()) {
      socket.emplace(std::move(opened.value()));
    } else {
      error = opened.error();
    }
  };
  if (const int entered = netns_.run(work); entered != 0)
    return {.error = entered, .entering = true};
  return {.error = error, .entering = false};
}

Endpoint::OpenError Endpoint::open() noexcept {
  const OpenError failure = openInto(command_);
  if (failure.error != 0) return failure;
  command_->requestBuffers(kReceiveBuffer, kSendBuffer);
  receiveBuffer_ = command_->receiveBuffer();
  sendBuffer_ = command_->sendBuffer();
  return {};
}

void Endpoint::close() noexcept {
  command_.reset();
  for (auto& socket : dumps_) socket.reset();
  netns_ = {};
}

uint32_t Endpoint::sequences(uint32_t count) noexcept {
  if (sequence_ > UINT32_MAX - count) sequence_ = 1;
  const uint32_t first = sequence_;
  sequence_ += count;
  return first;
}

Outcome Endpoint::exchange(Window& window, ReplySink& sink) noexcept {
  if (!command_) return {.error = -EBADF, .unsent = true, .overrun = false, .answered = 0};
  return nl::exchange(*command_, window, commandBuffer_, sink);
}

DumpOutcome Endpoint::dump(DumpSize size, std::span<uint8_t> request, DumpSink& sink) noexcept {
  if (!command_) return {.error = -EBADF, .interrupted = false, .poisoned = false};
  const auto which = static_cast<size_t>(size);
  std::optional<Socket>& socket = dumps_[which];
  Bytes& buffer = dumpBuffers_[which];
  if (!socket) {
    if (const OpenError failure = openInto(socket); failure.error != 0) {
      return {.error = failure.error, .interrupted = false, .poisoned = false};
    }
    if (protocol_ == NETLINK_ROUTE) socket->requireStrictChecks();
  }
  if (buffer.size() == 0 && buffer.extend(kDumpBuffers[which]) == nullptr) {
    return {.error = -ENOMEM, .interrupted = false, .poisoned = false};
  }
  const uint32_t sequence = sequences(1);
  std::memcpy(request.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
  count(counters_->dumps);
  const DumpOutcome outcome = nl::dump(*socket, request, {buffer.data(), buffer.size()}, sink);
  if (outcome.poisoned) socket.reset();
  return outcome;
}

int Endpoint::resolveFamily(const char* name) noexcept {
  return command_ ? command_->resolveFamily(name) : -EBADF;
}

}  // namespace nl
