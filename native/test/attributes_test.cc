#include <array>
#include <span>

#include "nl/attr.h"
#include "nl/writer.h"
#include "test/check.h"

namespace {

struct Header {
  uint8_t bytes[4];
};

std::span<const uint8_t> attributesOf(const nl::Bytes& bytes) { return bytes.span().subspan(20); }

TEST_CASE("writes attributes that it can read back") {
  nl::Bytes bytes;
  nl::MessageWriter writer(bytes);
  writer.begin(0x1d, 5, 7, Header{});
  writer.put(1, uint16_t{0x1234});
  writer.putNetwork(2, uint16_t{0x1234});
  writer.putFlagged(3, uint32_t{0x01020304});
  writer.putString(4, "web");
  {
    const auto nest = writer.nest(5);
    writer.putFlagged(6, uint64_t{0x0102030405060708});
  }
  writer.end();
  CHECK(writer.ok());
  CHECK_EQUAL(nl::load<uint32_t>(bytes.data()), bytes.size());
  CHECK_EQUAL(bytes.size() % 4, 0U);

  nl::AttrReader reader(attributesOf(bytes));
  nl::Attr attr;
  CHECK(reader.next(attr));
  CHECK_EQUAL(attr.host<uint16_t>(), 0x1234);
  CHECK(reader.next(attr));
  CHECK_EQUAL(attr.network<uint16_t>(), 0x1234);
  CHECK(!attr.bigEndianFlag);
  CHECK(reader.next(attr));
  CHECK_EQUAL(attr.flagged<uint32_t>(), 0x01020304U);
  CHECK(attr.bigEndianFlag);
  CHECK(reader.next(attr));
  CHECK_EQUAL(attr.text(), std::string_view("web"));
  CHECK_EQUAL(attr.payload.size(), 4U);
  CHECK(reader.next(attr));
  CHECK_EQUAL(nl::findAttr(attr.payload, 6).flagged<uint64_t>(), 0x0102030405060708U);
  CHECK(!reader.next(attr));
}

TEST_CASE("reads integers that are too short as zero and takes the first bytes of longer ones") {
  const std::array<uint8_t, 6> payload{1, 2, 3, 4, 5, 6};
  nl::Attr attr;
  attr.payload = std::span(payload).first(3);
  CHECK_EQUAL(attr.host<uint32_t>(), 0U);
  CHECK_EQUAL(attr.host<uint8_t>(), 1);
  attr.payload = payload;
  CHECK_EQUAL(attr.network<uint32_t>(), 0x01020304U);
  attr.payload = {};
  CHECK_EQUAL(attr.text().size(), 0U);
  uint8_t field[4] = {9, 9, 9, 9};
  attr.copyTo(field);
  CHECK_EQUAL(field[0], 9);
}

TEST_CASE("ends at an attribute that claims more than there is") {
  for (const uint16_t length : {uint16_t{0}, uint16_t{3}, uint16_t{13}, uint16_t{0xffff}}) {
    std::array<uint8_t, 12> bytes{};
    std::memcpy(bytes.data(), &length, sizeof length);
    nl::AttrReader reader(bytes);
    nl::Attr attr;
    CHECK(!reader.next(attr));
    CHECK(!reader.next(attr));
  }
}

TEST_CASE("reads a last attribute without its padding") {
  const std::array<uint8_t, 5> bytes{5, 0, 1, 0, 42};
  nl::AttrReader reader(bytes);
  nl::Attr attr;
  CHECK(reader.next(attr));
  CHECK_EQUAL(attr.host<uint8_t>(), 42);
  CHECK(!reader.next(attr));
}

TEST_CASE("refuses an attribute and a nest that do not fit 16 bits") {
  nl::Bytes bytes;
  nl::MessageWriter writer(bytes);
  const std::array<uint8_t, 65535> large{};
  writer.begin(1, 1, 1, Header{});
  writer.put(1, large.data(), large.size() - 4);
  CHECK(writer.ok());
  writer.put(1, large.data(), large.size() - 3);
  CHECK(!writer.ok());

  nl::Bytes nested;
  nl::MessageWriter second(nested);
  second.begin(1, 1, 1, Header{});
  {
    const auto nest = second.nest(1);
    second.put(2, large.data(), 40000);
    second.put(2, large.data(), 40000);
  }
  CHECK(!second.ok());
}

TEST_CASE("takes back what was written since a mark") {
  nl::Bytes bytes;
  nl::MessageWriter writer(bytes);
  writer.begin(1, 1, 1, Header{});
  writer.put(1, uint32_t{1});
  const size_t mark = writer.mark();
  writer.put(2, uint32_t{2});
  writer.rewind(mark);
  writer.end();
  CHECK_EQUAL(nl::load<uint32_t>(bytes.data()), 28U);
  CHECK_EQUAL(nl::findAttr(attributesOf(bytes), 2).type, 0);
}

TEST_CASE("fills inline strings to the last byte and cuts longer ones") {
  const char full[4] = {'a', 'b', 'c', 'd'};
  CHECK_EQUAL(nl::inlineString(full), std::string_view("abcd"));
  char field[4] = {};
  nl::copyString(field, "abcdef");
  CHECK_EQUAL(nl::inlineString(field), std::string_view("abc"));
}

TEST_CASE("says that memory has run out instead of ending the process") {
  nl::Bytes bytes;
  CHECK(bytes.extend(SIZE_MAX / 2) == nullptr);
  CHECK(bytes.failed());
  CHECK_EQUAL(bytes.size(), 0U);
  bytes.clear();
  CHECK(!bytes.failed());
  CHECK(bytes.append("x", 1));
}

}  // namespace

TEST_MAIN()
