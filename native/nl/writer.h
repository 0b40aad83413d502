#pragma once

#include <linux/netlink.h>

#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "nl/attr.h"
#include "nl/bytes.h"

namespace nl {

/// Writes messages, one behind the other, into an arena. A plain cursor: libnl's message building
/// costs some fifty times as much, more than the kernel's own work for one ip_set element. Errors
/// are sticky: look at ok() once at the end.
class MessageWriter {
 public:
  explicit MessageWriter(Bytes& arena) noexcept : arena_(arena) {}

  /// Start a message; `header` is the protocol's own one (genlmsghdr, nfgenmsg, ifinfomsg …).
  template <class Header>
  void begin(uint16_t type, uint16_t flags, uint32_t sequence, const Header& header) noexcept {
    start_ = arena_.size();
    const nlmsghdr h{.nlmsg_len = 0,
                     .nlmsg_type = type,
                     .nlmsg_flags = flags,
                     .nlmsg_seq = sequence,
                     .nlmsg_pid = 0};
    arena_.append(&h, sizeof h);
    static_assert(sizeof(Header) % NLMSG_ALIGNTO == 0);
    arena_.append(&header, sizeof header);
  }

  void end() noexcept { patch(start_, static_cast<uint32_t>(arena_.size() - start_)); }

  /// Bytes of the current message so far.
  [[nodiscard]] size_t size() const noexcept { return arena_.size() - start_; }
  [[nodiscard]] size_t mark() const noexcept { return arena_.size(); }
  /// Take back everything written since mark(). No nest opened since then may be open still.
  void rewind(size_t mark) noexcept { arena_.truncate(mark); }
  [[nodiscard]] bool ok() const noexcept { return !overflow_ && !arena_.failed(); }

  void put(uint16_t type, const void* data, size_t size) noexcept {
    const size_t length = NLA_HDRLEN + size;
    if (length > UINT16_MAX) {
      overflow_ = true;
      return;
    }
    const size_t padded = NLA_ALIGN(length);
    uint8_t* at = arena_.extend(padded);
    if (at == nullptr) return;
    const nlattr header{.nla_len = static_cast<uint16_t>(length), .nla_type = type};
    std::memcpy(at, &header, sizeof header);
    if (size != 0) std::memcpy(at + NLA_HDRLEN, data, size);
    for (size_t i = length; i < padded; ++i) at[i] = 0;
  }

  /// An integer in host order.
  template <std::integral T>
  void put(uint16_t type, T value) noexcept {
    put(type, &value, sizeof value);
  }

  /// An integer in network order without a flag, as IPVS wants its ports.
  template <std::unsigned_integral T>
  void putNetwork(uint16_t type, T value) noexcept {
    put(type, bigEndian(value));
  }

  /// An integer in network order with the flag that says so, as ip_set wants nearly all of them.
  template <std::unsigned_integral T>
  void putFlagged(uint16_t type, T value) noexcept {
    put(static_cast<uint16_t>(type | NLA_F_NET_BYTEORDER), bigEndian(value));
  }

  /// Text with its NUL.
  void putString(uint16_t type, std::string_view text) noexcept {
    const size_t length = NLA_HDRLEN + text.size() + 1;
    if (length > UINT16_MAX) {
      overflow_ = true;
      return;
    }
    const size_t padded = NLA_ALIGN(length);
    uint8_t* at = arena_.extend(padded);
    if (at == nullptr) return;
    const nlattr header{.nla_len = static_cast<uint16_t>(length), .nla_type = type};
    std::memcpy(at, &header, sizeof header);
    if (!text.empty()) std::memcpy(at + NLA_HDRLEN, text.data(), text.size());
    for (size_t i = length - 1; i < padded; ++i) at[i] = 0;
  }

  /// Closes its nest when it goes out of scope.
  class [[nodiscard]] Nest {
   public:
    Nest(MessageWriter& writer, uint16_t type) noexcept
        : writer_(writer), start_(writer.arena_.size()) {
      const nlattr header{.nla_len = 0, .nla_type = type};
      writer_.arena_.append(&header, sizeof header);
    }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;
    ~Nest() { writer_.closeNest(start_); }

   private:
    MessageWriter& writer_;
    size_t start_;
  };

  /// IPVS nests carry no flag, ip_set ones must have NLA_F_NESTED: the caller adds it to the type.
  Nest nest(uint16_t type) noexcept { return {*this, type}; }

 private:
  template <class T>
  void patch(size_t offset, T value) noexcept {
    if (offset + sizeof value <= arena_.size())
      std::memcpy(arena_.data() + offset, &value, sizeof value);
  }

  void closeNest(size_t start) noexcept {
    const size_t length = arena_.size() - start;
    if (length > UINT16_MAX) {
      overflow_ = true;
      return;
    }
    patch(start, static_cast<uint16_t>(length));
  }

  Bytes& arena_;
  size_t start_ = 0;
  bool overflow_ = false;
};

}  // namespace nl
