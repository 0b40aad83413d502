#include "ipset/scan.h"

#include <cstring>

namespace ipset {

namespace {

constexpr size_t kGroups = 8;

int hexValue(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

bool Scanner::hex(uint32_t& out) noexcept {
  uint32_t value = 0;
  int digits = 0;
  for (; at_ != end_; ++at_, ++digits) {
    const int digit = hexValue(*at_);
    if (digit < 0) break;
    if (digits == 8) return false;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  out = value;
  return digits != 0;
}

bool Scanner::ipv6(uint8_t* out) noexcept {
  uint8_t bytes[2 * kGroups];
  size_t groups = 0;
  size_t gap = kGroups + 1;
  if (skip("::")) gap = 0;
  while (groups < kGroups) {
    const char* start = at_;
    uint32_t value = 0;
    while (at_ != end_ && at_ - start < 4 && hexValue(*at_) >= 0) {
      value = value << 4 | static_cast<uint32_t>(hexValue(*at_));
      ++at_;
    }
    if (at_ == start) break;
    if (peek() == '.') return false;
    bytes[2 * groups] = static_cast<uint8_t>(value >> 8);
    bytes[2 * groups + 1] = static_cast<uint8_t>(value);
    ++groups;
    if (peek() != ':') break;
    ++at_;
    if (peek() == ':') {
      if (gap <= kGroups) return false;
      gap = groups;
      ++at_;
    } else if (groups == kGroups || hexValue(peek()) < 0) {
      return false;
    }
  }
  if (gap > kGroups) {
    if (groups != kGroups) return false;
    std::memcpy(out, bytes, sizeof bytes);
    return true;
  }
  if (groups == kGroups) return false;
  const size_t head = 2 * gap;
  const size_t tail = 2 * (groups - gap);
  std::memset(out, 0, sizeof bytes);
  std::memcpy(out, bytes, head);
  std::memcpy(out + sizeof bytes - tail, bytes + head, tail);
  return true;
}

bool Scanner::mac(uint8_t* out) noexcept {
  for (int i = 0; i < 6; ++i) {
    if (i > 0 && !skip(':')) return false;
    if (end_ - at_ < 2) return false;
    const int high = hexValue(at_[0]);
    const int low = hexValue(at_[1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
    at_ += 2;
  }
  return true;
}

std::string_view Scanner::word() noexcept {
  const char* start = at_;
  while (at_ != end_ && *at_ != ',' && *at_ != ' ') ++at_;
  return {start, static_cast<size_t>(at_ - start)};
}

}  // namespace ipset
