#include "ipset/entry_writer.h"

#include "ipset/attributes.h"
#include "ipset/entry.h"

namespace ipset {

namespace {

constexpr size_t kSingleBytes = 256;

size_t replyBudget(size_t messageBytes) noexcept { return 2 * messageBytes + nl::kReplyBudget; }

}  // namespace

bool EntryWriter::tests() const noexcept { return job_.head.command == IPSET_CMD_TEST; }

bool EntryWriter::fits(const nl::Window& window, const EntryPace& pace) noexcept {
  const size_t size = pace.perMessage == 1 ? kSingleBytes : kShortMessage;
  return window.fits(size, replyBudget(size));
}

void EntryWriter::putElement(uint32_t index, bool numbered, nl::MessageWriter& w) const noexcept {
  const auto data = w.nest(nested(IPSET_ATTR_DATA));
  encodeEntry(job_.entries[index], job_.heap, w);
  if (numbered && !tests()) w.put(IPSET_ATTR_LINENO, index + 1);
}

uint32_t EntryWriter::write(nl::Window& window, uint32_t from, uint32_t to, const EntryPace& pace,
                            bool exclusive) const noexcept {
  const bool numbered = pace.numbered;
  const uint32_t most = pace.perMessage;
  const size_t longest = pace.careful ? kShortMessage : kLongMessage;
  nl::MessageWriter w = window.writer();
  const uint16_t flags = exclusive && !tests() ? NLM_F_EXCL : 0;
  beginMessage(w, job_.head.command, flags, window.sequence(), job_.head.protocol);
  w.putString(IPSET_ATTR_SETNAME, nl::inlineString(job_.head.name));
  uint32_t end = from + 1;
  if (tests()) {
    putElement(from, numbered, w);
  } else {
    w.put(IPSET_ATTR_LINENO, uint32_t{0});
    if (most == 1 || end == to) {
      putElement(from, numbered, w);
    } else {
      const auto adt = w.nest(nested(IPSET_ATTR_ADT));
      putElement(from, numbered, w);
      for (; end < to && end - from < most; ++end) {
        const size_t before = w.mark();
        putElement(end, numbered, w);
        if (w.size() > longest) {
          w.rewind(before);
          break;
        }
      }
    }
  }
  w.end();
  window.close(from, end - from, replyBudget(w.size()));
  return end;
}

uint32_t lineOf(std::span<const uint8_t> request) noexcept {
  constexpr size_t kHeaders = sizeof(nlmsghdr) + sizeof(nfgenmsg);
  if (request.size() <= kHeaders) return 0;
  return nl::findAttr(request.subspan(kHeaders), IPSET_ATTR_LINENO).host<uint32_t>();
}

}  // namespace ipset
