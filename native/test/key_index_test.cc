#include "ipvs/key_index.h"

#include "test/check.h"

namespace {

ipvs::Key keyOf(uint32_t value) {
  ipvs::Key key;
  key.put(0, &value, sizeof value);
  return key;
}

TEST_CASE("finds what it has seen, and nothing else") {
  ipvs::KeyIndex index;
  for (uint32_t i = 0; i < 10000; ++i)
    CHECK_EQUAL(index.findOrAdd(keyOf(i), i), ipvs::KeyIndex::kNone);
  for (uint32_t i = 0; i < 10000; ++i) CHECK_EQUAL(index.findOrAdd(keyOf(i), 7), i);
  CHECK_EQUAL(index.findOrAdd(keyOf(10000), 1), ipvs::KeyIndex::kNone);
}

TEST_CASE("forgets everything when it is cleared, whether it was small or large") {
  ipvs::KeyIndex index;
  for (const uint32_t size : {3U, 1000U, 5U}) {
    for (uint32_t i = 0; i < size; ++i)
      CHECK_EQUAL(index.findOrAdd(keyOf(i), i), ipvs::KeyIndex::kNone);
    index.clear();
  }
}

TEST_CASE("looks at every byte of a key") {
  ipvs::KeyIndex index;
  for (size_t at = 0; at < sizeof(ipvs::Key::bytes); ++at) {
    ipvs::Key key;
    key.bytes[at] = 1;
    CHECK_EQUAL(index.findOrAdd(key, 1), ipvs::KeyIndex::kNone);
  }
}

}  // namespace

TEST_MAIN()
