#pragma once

#include <algorithm>
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
  const char* at_;
  const char* end_;
};

}  // namespace ipset
