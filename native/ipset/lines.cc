#include "ipset/lines.h"

#include <linux/in.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <sys/socket.h>

#include <cstring>

#include "ipset/scan.h"

namespace ipset {

namespace {

using seam::SetEntry;

// Longer lines are left to the caller.
constexpr size_t kLongestLine = 1024;
constexpr uint8_t kIpv4Bits = 32;
constexpr uint8_t kIpv6Bits = 128;
constexpr size_t kLongestInterface = 15;
constexpr size_t kLongestName = 31;
constexpr size_t kLongestComment = 255;
constexpr uint64_t kLongestTimeout = 2147483;
// A double holds every count up to here, and the other grammar counts in those.
constexpr uint64_t kLargestCount = (uint64_t{1} << 53) - 1;
constexpr uint8_t kUdpLite = 136;
constexpr uint8_t kSctp = 132;

bool isBlank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
bool isComment(char c) noexcept { return c == '#' || c == ';'; }
bool isPlain(char c) noexcept { return c > ' ' && c < 0x7f; }

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

void clearHostBits(uint8_t* address, unsigned prefix, unsigned bits) noexcept {
  for (unsigned i = prefix / 8; i < bits / 8; ++i) {
    const unsigned kept = prefix > 8 * i ? prefix - 8 * i : 0;
    address[i] = static_cast<uint8_t>(address[i] & (0xff00U >> kept));
  }
}

/// The parts and options of one element.
class ElementReader {
 public:
  ElementReader(std::string_view text, const seam::SetGrammar& grammar, SetEntry& out,
                nl::Bytes& heap) noexcept
      : in_(text), grammar_(grammar), out_(out), heap_(heap), ipv6_(grammar.family == AF_INET6) {}

  [[nodiscard]] bool read() noexcept {
    out_.parts = grammar_.parts;
    out_.family = grammar_.family;
    const size_t count = grammar_.count < sizeof grammar_.kinds ? grammar_.count : 0;
    for (size_t i = 0; i < count; ++i) {
      if (i > 0 && !in_.skip(',')) return false;
      if (!part(grammar_.kinds[i])) return false;
    }
    return count != 0 && options();
  }

 private:
  [[nodiscard]] bool address(uint8_t* into) noexcept {
    return ipv6_ ? in_.ipv6(into) : in_.ipv4(into);
  }

  /// The end of a range, which has room for IPv4 only.
  [[nodiscard]] bool rangeEnd(uint8_t* into, uint32_t part) noexcept {
    out_.parts |= part;
    return !ipv6_ && in_.ipv4(into);
  }

  /// One address, or where `many` as many as an IPv4 range or network has.
  [[nodiscard]] bool addresses(bool many) noexcept {
    if (!address(out_.ip)) return false;
    if (!many) return true;
    if (in_.skip('-')) return rangeEnd(out_.ipTo, seam::kEntryIpTo);
    if (!in_.skip('/')) return true;
    uint64_t length = 0;
    if (ipv6_ || !in_.decimal(kIpv4Bits, length) || length == 0) return false;
    if (length == kIpv4Bits) return true;
    out_.cidr = static_cast<uint8_t>(length);
    out_.parts |= seam::kEntryCidr;
    clearHostBits(out_.ip, out_.cidr, kIpv4Bits);
    return true;
  }

  /// Where a network goes.
  struct NetworkFields {
    uint8_t* address;
    uint8_t& prefix;
    uint32_t prefixPart;
    uint8_t* end;
    uint32_t endPart;
  };

  [[nodiscard]] bool network(const NetworkFields& to, uint8_t kind) noexcept {
    const uint8_t bits = ipv6_ ? kIpv6Bits : kIpv4Bits;
    if (!address(to.address)) return false;
    if ((kind & seam::kLineRange) != 0 && in_.skip('-')) {
      out_.parts &= ~to.prefixPart;
      return rangeEnd(to.end, to.endPart);
    }
    to.prefix = bits;
    if (!in_.skip('/')) return true;
    uint64_t length = 0;
    const bool whole = (kind & seam::kLineWhole) != 0;
    if (!in_.decimal(bits, length) || (length == 0 && !whole)) return false;
    to.prefix = static_cast<uint8_t>(length);
    clearHostBits(to.address, to.prefix, bits);
    return true;
  }

  [[nodiscard]] bool port(bool many) noexcept {
    uint64_t number = 0;
    if (!in_.decimal(UINT16_MAX, number)) return false;
    out_.port = static_cast<uint16_t>(number);
    if (!many || !in_.skip('-')) return true;
    if (!in_.decimal(UINT16_MAX, number)) return false;
    out_.portTo = static_cast<uint16_t>(number);
    out_.parts |= seam::kEntryPortTo;
    return true;
  }

  /// The protocols that have ports; names of others are in a table elsewhere.
  [[nodiscard]] bool protocolPort(bool many) noexcept {
    // Without a protocol it is TCP's.
    out_.proto = IPPROTO_TCP;
    if (in_.skip("tcp:") || in_.skip("6:")) return port(many);
    if (in_.skip("udp:") || in_.skip("17:")) {
      out_.proto = IPPROTO_UDP;
    } else if (in_.skip("sctp:") || in_.skip("132:")) {
      out_.proto = kSctp;
    } else if (in_.skip("udplite:") || in_.skip("136:")) {
      out_.proto = kUdpLite;
    }
    return port(many);
  }

  [[nodiscard]] bool mark() noexcept { return in_.skip("0x") && in_.hex(out_.mark); }

  [[nodiscard]] bool keep(std::string_view text, size_t longest, uint32_t& offset,
                          uint16_t& length) noexcept {
    if (text.empty() || text.size() > longest || heap_.size() > UINT32_MAX - longest) return false;
    offset = static_cast<uint32_t>(heap_.size());
    length = static_cast<uint16_t>(text.size());
    return heap_.append(text.data(), text.size());
  }

  [[nodiscard]] bool name(size_t longest) noexcept {
    const std::string_view word = in_.word();
    for (const char c : word) {
      if (!isPlain(c) || c == '"' || c == '\'' || c == '\\' || c == '/' || c == ':') return false;
    }
    // A leading dash looks like an option, a dot like a folder, and what begins as a comment may be
    // one: for others to judge.
    if (word.starts_with('-') || word.starts_with('.')) return false;
    if (!word.empty() && isComment(word.front())) return false;
    return keep(word, longest, out_.nameOffset, out_.nameLength);
  }

  [[nodiscard]] bool interface() noexcept {
    if (in_.skip("physdev:")) flag(IPSET_FLAG_PHYSDEV);
    return name(kLongestInterface);
  }

  void flag(uint32_t bit) noexcept {
    out_.parts |= seam::kEntryCadtFlags;
    out_.cadtFlags |= bit;
  }

  [[nodiscard]] bool part(uint8_t kind) noexcept {
    const bool many = (kind & seam::kLineRange) != 0;
    switch (kind & ~(seam::kLineWhole | seam::kLineRange)) {
      case seam::kLineIp:
        return addresses(many);
      case seam::kLineIp2:
        return address(out_.ip2);
      case seam::kLineNet:
        return network({.address = out_.ip,
                        .prefix = out_.cidr,
                        .prefixPart = seam::kEntryCidr,
                        .end = out_.ipTo,
                        .endPart = seam::kEntryIpTo},
                       kind);
      case seam::kLineNet2:
        return network({.address = out_.ip2,
                        .prefix = out_.cidr2,
                        .prefixPart = seam::kEntryCidr2,
                        .end = out_.ip2To,
                        .endPart = seam::kEntryIp2To},
                       kind);
      case seam::kLineProtocolPort:
        return protocolPort(many);
      case seam::kLinePort:
        return port(many);
      case seam::kLineMac:
        return in_.mac(out_.mac);
      case seam::kLineMark:
        return mark();
      case seam::kLineInterface:
        return interface();
      case seam::kLineName:
        return name(kLongestName);
      default:
        return false;
    }
  }

  [[nodiscard]] bool options() noexcept {
    while (!in_.atEnd()) {
      if (!in_.skip(' ')) return false;
      in_.skipSpaces();
      if (!option()) return false;
    }
    return true;
  }

  /// An option that may be given and has not been given yet.
  [[nodiscard]] bool admit(uint32_t bit) noexcept {
    if ((grammar_.options & bit) == 0 || (taken_ & bit) != 0) return false;
    taken_ |= bit;
    out_.parts |= bit;
    return true;
  }

  [[nodiscard]] bool count(uint64_t& out) noexcept { return in_.decimal(kLargestCount, out); }

  [[nodiscard]] bool option() noexcept {
    if (in_.skip("timeout ")) {
      uint64_t seconds = 0;
      if (!admit(seam::kEntryTimeout) || !in_.decimal(kLongestTimeout, seconds)) return false;
      out_.timeout = static_cast<uint32_t>(seconds);
      return true;
    }
    if (in_.skip("nomatch")) {
      if (!admit(seam::kEntryCadtFlags)) return false;
      flag(IPSET_FLAG_NOMATCH);
      return true;
    }
    if (in_.skip("packets ")) return admit(seam::kEntryPackets) && count(out_.packets);
    if (in_.skip("bytes ")) return admit(seam::kEntryBytes) && count(out_.bytes);
    if (in_.skip("comment \"")) return admit(seam::kEntryComment) && comment();
    if (in_.skip("skbmark 0x")) return admit(seam::kEntrySkbMark) && skbMark();
    if (in_.skip("skbprio ")) return admit(seam::kEntrySkbPrio) && skbPrio();
    if (in_.skip("skbqueue ")) {
      uint64_t queue = 0;
      if (!admit(seam::kEntrySkbQueue) || !in_.decimal(UINT16_MAX, queue)) return false;
      out_.skbQueue = static_cast<uint16_t>(queue);
      return true;
    }
    return false;
  }

  [[nodiscard]] bool skbMark() noexcept {
    out_.skbMask = UINT32_MAX;
    return in_.hex(out_.skbMark) && (!in_.skip("/0x") || in_.hex(out_.skbMask));
  }

  [[nodiscard]] bool skbPrio() noexcept {
    uint32_t major = 0;
    uint32_t minor = 0;
    if (!in_.hex(major) || !in_.skip(':') || !in_.hex(minor)) return false;
    out_.skbPrio = major << 16 | minor;
    return major <= UINT16_MAX && minor <= UINT16_MAX;
  }

  /// Up to the closing quote.
  [[nodiscard]] bool comment() noexcept {
    const std::string_view text = in_.rest().substr(0, in_.rest().find('"'));
    in_.advance(text.size());
    if (!in_.skip('"')) return false;
    for (const char c : text) {
      if ((!isPlain(c) && c != ' ') || c == '\\') return false;
    }
    return keep(text, kLongestComment, out_.commentOffset, out_.commentLength);
  }

  Scanner in_;
  const seam::SetGrammar& grammar_;
  SetEntry& out_;
  nl::Bytes& heap_;
  uint32_t taken_ = 0;
  bool ipv6_;
};

/// Without the comment at its end and the blanks around it.
std::string_view withoutComment(std::string_view text) noexcept {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    if (!quoted && isComment(text[i]) && (i == 0 || isBlank(text[i - 1]))) {
      return trimmed(text.substr(0, i));
    }
  }
  return trimmed(text);
}

}  // namespace

bool LineReader::element(std::string_view text) noexcept {
  if (text.size() > kLongestLine || !text.starts_with(prefix_)) return false;
  text.remove_prefix(prefix_.size());
  const size_t heap = heap_.size();
  const uint32_t count = entries_.count();
  SetEntry* entry = entries_.add();
  if (entry == nullptr) return false;
  if (ElementReader(text, grammar_, *entry, heap_).read()) return true;
  entries_.truncate(count);
  heap_.truncate(heap);
  return false;
}

LineReader::Line LineReader::line(std::string_view text) noexcept {
  // Most lines are an element and nothing else, and no element has a comment of lines inside:
  // looking for one takes as long as reading the element.
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (element(text)) return Line::kElement;
  const std::string_view content = withoutComment(text);
  if (content.empty()) return Line::kNothing;
  return content.size() < text.size() && element(content) ? Line::kElement : Line::kUndecided;
}

LinesRead LineReader::read(std::string_view text, LinesRead done, uint32_t most) noexcept {
  while (done.bytes < text.size() && most > 0) {
    const std::string_view rest = text.substr(done.bytes);
    const void* end = std::memchr(rest.data(), '\n', rest.size());
    const size_t size = end == nullptr
                            ? rest.size()
                            : static_cast<size_t>(static_cast<const char*>(end) - rest.data());
    const Line what = line(rest.substr(0, size));
    if (what == Line::kUndecided) break;
    if (what == Line::kElement) {
      seam::SetLine* where = lines_.add();
      if (where == nullptr) break;
      *where = {.offset = done.bytes, .number = done.lines};
      --most;
    }
    done.bytes += static_cast<uint32_t>(end == nullptr ? size : size + 1);
    ++done.lines;
  }
  return done;
}

}  // namespace ipset
