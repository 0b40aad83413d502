#include "nl/window.h"

#include <linux/netlink.h>

#include <algorithm>

namespace nl {

namespace {

constexpr size_t kBestSend = size_t{64} * 1024;
constexpr size_t kSendOverhead = 32;
constexpr size_t kSmallestSend = 4096;

}  // namespace

WindowLimits WindowLimits::forBuffers(uint32_t sendBuffer, uint32_t receiveBuffer) noexcept {
  const size_t allowed =
      sendBuffer > kSmallestSend + kSendOverhead ? sendBuffer - kSendOverhead : kSmallestSend;
  return {.bytes = std::min(kBestSend, allowed), .replies = receiveBuffer};
}

void Window::limit(WindowLimits limits) noexcept {
  limits_ = limits;
  reset(base_);
}

void Window::reset(uint32_t sequence) noexcept {
  bytes_.clear();
  slots_.clear();
  base_ = sequence;
  start_ = 0;
  replies_ = 0;
  largest_ = 0;
}

bool Window::fits(size_t size, size_t replies) const noexcept {
  if (slots_.empty()) return true;
  return bytes_.size() + size <= limits_.bytes && replies_ + replies <= limits_.replies;
}

void Window::close(uint32_t record, uint32_t count, size_t replies) noexcept {
  slots_.push_back({.record = record, .count = count, .offset = start_, .answered = false});
  largest_ = std::max(largest_, bytes_.size() - start_);
  replies_ += replies;
  start_ = bytes_.size();
}

void Window::seal() noexcept {
  if (slots_.empty() || bytes_.failed()) return;
  uint8_t* flags = bytes_.data() + slots_.back().offset + offsetof(nlmsghdr, nlmsg_flags);
  const auto value = static_cast<uint16_t>(load<uint16_t>(flags) | NLM_F_ACK);
  std::memcpy(flags, &value, sizeof value);
}

bool Window::narrow() noexcept {
  if (slots_.size() <= 1 || limits_.bytes <= 1) return false;
  limits_.bytes /= 2;
  return true;
}

}  // namespace nl
