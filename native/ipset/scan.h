#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ipset {

/// Reads values off the front of a text. Each function takes what it has read away and is false
/// when there is nothing of the kind, or something that only looks like it; the text is not worth
/// looking at then.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept
      : at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] bool atEnd() const noexcept { return at_ == end_; }
  [[nodiscard]] std::string_view rest() const noexcept {
    return {at_, static_cast<size_t>(end_ - at_)};
  }
  /// NUL at the end.
  [[nodiscard]] char peek() const noexcept { return at_ == end_ ? '\0' : *at_; }

  bool skip(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }
  /// A literal, so that the comparison is a load or two.
  template <size_t N>
  bool skip(const char (&word)[N]) noexcept {
    constexpr size_t kSize = N - 1;
    if (static_cast<size_t>(end_ - at_) < kSize || std::memcmp(at_, word, kSize) != 0) return false;
    at_ += kSize;
    return true;
  }
  /// At most to the end.
  void advance(size_t count) noexcept { at_ += std::min(count, rest().size()); }
  void skipSpaces() noexcept {
    while (at_ != end_ && *at_ == ' ') ++at_;
  }

  /// Without leading zeros, at most `most`.
  [[nodiscard]] bool decimal(uint64_t most, uint64_t& out) noexcept;
  /// One to eight digits, either case.
  [[nodiscard]] bool hex(uint32_t& out) noexcept;
  /// Dotted, without leading zeros, into four bytes.
  [[nodiscard]] bool ipv4(uint8_t* out) noexcept;
  /// RFC 4291 without zone and without a dotted tail, into sixteen bytes.
  [[nodiscard]] bool ipv6(uint8_t* out) noexcept;
  /// 00:11:22:aa:BB:cc, into six bytes.
  [[nodiscard]] bool mac(uint8_t* out) noexcept;
  /// Everything up to a comma or a space.
  [[nodiscard]] std::string_view word() noexcept;

 private:
  /// Above 9 for what is no digit.
  static unsigned digitOf(char c) noexcept { return static_cast<unsigned char>(c) - unsigned{'0'}; }

  const char* at_;
  const char* end_;
};

// Here, since nearly every element has these and takes little longer than a call.

inline bool Scanner::decimal(uint64_t most, uint64_t& out) noexcept {
  // Nineteen digits always fit; twenty and more are too many for the type.
  const char* const end = at_ + std::min<std::ptrdiff_t>(end_ - at_, 20);
  const char* at = at_;
  uint64_t value = 0;
  for (unsigned digit = 0; at != end && (digit = digitOf(*at)) <= 9; ++at)
    value = value * 10 + digit;
  const std::ptrdiff_t digits = at - at_;
  if (digits == 0 || digits > 19 || value > most || (*at_ == '0' && digits > 1)) return false;
  at_ = at;
  out = value;
  return true;
}

inline bool Scanner::ipv4(uint8_t* out) noexcept {
  // Where fewer bytes are left, a copy with NULs behind them: no digit is looked for beyond the
  // end.
  char padded[sizeof "255.255.255.255"] = {};
  const char* const start = static_cast<size_t>(end_ - at_) >= sizeof padded ? at_ : padded;
  if (start == padded) std::memcpy(padded, at_, static_cast<size_t>(end_ - at_));
  const char* at = start;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && *at++ != '.') return false;
    const char* const first = at;
    unsigned value = digitOf(*at++);
    if (value > 9) return false;
    for (unsigned digit = 0; at - first < 3 && (digit = digitOf(*at)) <= 9; ++at)
      value = value * 10 + digit;
    if (value > 255 || (*first == '0' && at - first > 1)) return false;
    out[i] = static_cast<uint8_t>(value);
  }
  at_ += at - start;
  return true;
}

}  // namespace ipset
