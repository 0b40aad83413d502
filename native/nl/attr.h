#pragma once

#include <linux/netlink.h>

#include <bit>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "nl/bytes.h"

namespace nl {

template <std::unsigned_integral T>
[[nodiscard]] constexpr T byteSwap(T value) noexcept {
  if constexpr (sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
}

/// Between host and network byte order, either way.
template <std::unsigned_integral T>
[[nodiscard]] constexpr T bigEndian(T value) noexcept {
  return std::endian::native == std::endian::little ? byteSwap(value) : value;
}

/// One received attribute. Integers shorter than asked for read as 0, longer ones by their first
/// bytes.
struct Attr {
  uint16_t type = 0;  ///< without flag bits
  bool bigEndianFlag = false;
  std::span<const uint8_t> payload;

  /// In host order as sent.
  template <std::unsigned_integral T>
  [[nodiscard]] T host() const noexcept {
    return payload.size() < sizeof(T) ? T{0} : load<T>(payload.data());
  }
  /// Sent in network order, flagged or not.
  template <std::unsigned_integral T>
  [[nodiscard]] T network() const noexcept {
    return bigEndian(host<T>());
  }
  /// By the flag of the attribute itself: ip_set marks most big-endian values, but not all values
  /// are big-endian.
  template <std::unsigned_integral T>
  [[nodiscard]] T flagged() const noexcept {
    return bigEndianFlag ? network<T>() : host<T>();
  }
  /// Up to the first NUL.
  [[nodiscard]] std::string_view text() const noexcept {
    const auto* chars = reinterpret_cast<const char*>(payload.data());
    return {chars, payload.empty() ? 0 : strnlen(chars, payload.size())};
  }
  /// The first bytes of the payload into `field`; the rest of the field keeps its zeros.
  template <size_t N>
  void copyTo(uint8_t (&field)[N]) const noexcept {
    const size_t count = payload.size() < N ? payload.size() : N;
    if (count != 0) std::memcpy(field, payload.data(), count);
  }
};

/// Walks attributes. Ends at the first one whose length does not fit what is left.
class AttrReader {
 public:
  explicit AttrReader(std::span<const uint8_t> bytes) noexcept : rest_(bytes) {}

  [[nodiscard]] bool next(Attr& out) noexcept {
    if (rest_.size() < NLA_HDRLEN) return false;
    const auto header = load<nlattr>(rest_.data());
    if (header.nla_len < NLA_HDRLEN || header.nla_len > rest_.size()) {
      rest_ = {};
      return false;
    }
    out.type = header.nla_type & NLA_TYPE_MASK;
    out.bigEndianFlag = (header.nla_type & NLA_F_NET_BYTEORDER) != 0;
    out.payload = rest_.subspan(NLA_HDRLEN, size_t{header.nla_len} - NLA_HDRLEN);
    const size_t step = NLA_ALIGN(size_t{header.nla_len});
    rest_ = step < rest_.size() ? rest_.subspan(step) : std::span<const uint8_t>{};
    return true;
  }

 private:
  std::span<const uint8_t> rest_;
};

/// The first attribute of that type; an empty payload and type 0 when there is none.
[[nodiscard]] inline Attr findAttr(std::span<const uint8_t> bytes, uint16_t type) noexcept {
  AttrReader reader(bytes);
  Attr attr;
  while (reader.next(attr)) {
    if (attr.type == type) return attr;
  }
  return {};
}

}  // namespace nl
