// Lines of text through the reader: what it takes and what it leaves alone, and mutated lines, the
// same ones on every run. lines_fuzzer.cc goes further where clang is at hand.
#include <linux/netfilter/ipset/ip_set.h>
#include <sys/socket.h>

#include <random>
#include <string>
#include <vector>

#include "test/check.h"
#include "test/read_lines.h"

namespace {

seam::SetGrammar grammar(std::vector<uint8_t> kinds, uint8_t family = AF_INET) {
  seam::SetGrammar out{};
  out.family = family;
  out.options = seam::kEntryTimeout | seam::kEntryComment | seam::kEntryPackets |
                seam::kEntryBytes | seam::kEntryCadtFlags;
  out.count = static_cast<uint8_t>(kinds.size());
  std::copy(kinds.begin(), kinds.end(), out.kinds);
  return out;
}

/// Elements in the text; −1 when some line is left alone.
int elements(const seam::SetGrammar& how, std::string_view text) {
  ReadLines read(how, text);
  return read.done.bytes == text.size() ? static_cast<int>(read.entries.count()) : -1;
}

TEST_CASE("addresses are read in their plain forms only") {
  const auto v4 = grammar({seam::kLineIp});
  CHECK_EQUAL(elements(v4, "10.0.0.1\n255.255.255.255\r\n0.0.0.0"), 3);
  for (const char* bad : {"10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.1.", "10.0.0.1/32", "::1",
                          "10.0.0.1-10.0.0.2", "a", "10.0.0.1 x", "10.0.0.1,", "10.0.0.1x"}) {
    CHECK_EQUAL(elements(v4, bad), -1);
  }
  const auto v6 = grammar({seam::kLineIp}, AF_INET6);
  CHECK_EQUAL(elements(v6, "::\n::1\n1::\n2001:DB8::1:0\n1:2:3:4:5:6:7:8\n1::8\n1:2:3:4:5:6:7::"),
              7);
  for (const char* bad :
       {":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:", "1:2:3:4:5:6:7:8::", "1::2::3",
        "12345::", "1:", ":1", "g::", "::ffff:10.0.0.1", "1:2:3:4:5:6:7:8:9"}) {
    CHECK_EQUAL(elements(v6, bad), -1);
  }
}

TEST_CASE("an address with a gap has its groups where they belong") {
  ReadLines read(grammar({seam::kLineIp}, AF_INET6), "2001:db8::1:2");
  const uint8_t wanted[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2};
  CHECK(std::memcmp(read.entries[0].ip, wanted, sizeof wanted) == 0);
}

TEST_CASE("networks lose their host bits") {
  ReadLines read(grammar({seam::kLineNet, seam::kLineNet2 | seam::kLineWhole}),
                 "10.1.2.3/9,10.1.2.3/0");
  CHECK_EQUAL(read.entries.count(), 1U);
  const uint8_t wanted[4] = {10, 0, 0, 0};
  const uint8_t none[4] = {};
  CHECK(std::memcmp(read.entries[0].ip, wanted, 4) == 0);
  CHECK(std::memcmp(read.entries[0].ip2, none, 4) == 0);
  CHECK_EQUAL(read.entries[0].cidr, 9);
  CHECK_EQUAL(read.entries[0].cidr2, 0);
  CHECK_EQUAL(elements(grammar({seam::kLineNet}), "10.0.0.0/0"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineNet}), "10.0.0.0/33"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineNet}, AF_INET6), "2001:db8::/128\n::/1"), 2);
}

TEST_CASE("options are read once each, in any order, when they are admitted") {
  auto how = grammar({seam::kLineIp});
  ReadLines read(how, "10.0.0.1 comment \"a # b\" timeout 5  packets 1 bytes 2 nomatch # all");
  CHECK_EQUAL(read.entries.count(), 1U);
  CHECK_EQUAL(read.entries[0].timeout, 5U);
  CHECK_EQUAL(read.entries[0].bytes, 2U);
  CHECK_EQUAL(read.entries[0].cadtFlags, static_cast<uint32_t>(IPSET_FLAG_NOMATCH));
  CHECK_EQUAL(read.comment(0), "a # b");
  for (const char* bad : {"10.0.0.1 timeout 5 timeout 6", "10.0.0.1 timeout", "10.0.0.1 timeout x",
                          "10.0.0.1 comment \"", "10.0.0.1 comment \"\"", "10.0.0.1 comment \"a\"b",
                          "10.0.0.1 nomatchx", "10.0.0.1 timeout 2147484", "10.0.0.1\ttimeout 5"}) {
    CHECK_EQUAL(elements(how, bad), -1);
  }
  how.options = 0;
  CHECK_EQUAL(elements(how, "10.0.0.1 timeout 5"), -1);
}

TEST_CASE("ranges are read where they are admitted") {
  const uint8_t range = seam::kLineRange;
  const auto ip = grammar({static_cast<uint8_t>(seam::kLineIp | range),
                           static_cast<uint8_t>(seam::kLineProtocolPort | range)});
  ReadLines read(ip, "10.0.0.1-10.0.0.9,tcp:80-90\n10.1.2.3/16,53\n10.1.2.3/32,53");
  CHECK_EQUAL(read.entries.count(), 3U);
  CHECK_EQUAL(read.entries[0].ipTo[3], 9);
  CHECK_EQUAL(read.entries[0].portTo, 90);
  CHECK_EQUAL(read.entries[0].parts, seam::kEntryIpTo | seam::kEntryPortTo);
  CHECK_EQUAL(read.entries[1].parts, static_cast<uint32_t>(seam::kEntryCidr));
  CHECK_EQUAL(read.entries[1].cidr, 16);
  CHECK_EQUAL(read.entries[1].ip[2], 0);
  CHECK_EQUAL(read.entries[2].parts, 0U);
  for (const char* bad : {"10.0.0.1-,80", "10.0.0.1-10.0.0.9/8,80", "10.0.0.1/0,80", "10.0.0.1,80-",
                          "10.0.0.1,80-65536", "10.0.0.1/33,80"}) {
    CHECK_EQUAL(elements(ip, bad), -1);
  }
  const uint8_t net = seam::kLineNet | range;
  CHECK_EQUAL(elements(grammar({net}), "10.0.0.1-10.0.0.9"), 1);
  CHECK_EQUAL(elements(grammar({net}, AF_INET6), "::1-::2"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineIp}), "10.0.0.1-10.0.0.9"), -1);
}

TEST_CASE("the other parts") {
  CHECK_EQUAL(elements(grammar({seam::kLineMac}), "00:11:22:aa:BB:cc"), 1);
  CHECK_EQUAL(elements(grammar({seam::kLineMac}), "00:11:22:aa:BB:c"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineMark}), "0x00000063\n0xffffffff"), 2);
  CHECK_EQUAL(elements(grammar({seam::kLineMark}), "0x1ffffffff"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineInterface}), "eth0\nphysdev:br-lan.7"), 2);
  CHECK_EQUAL(elements(grammar({seam::kLineInterface}), "sixteen-letters0"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLineName}), "web\n-web"), -1);
  CHECK_EQUAL(elements(grammar({seam::kLinePort}), "0\n65535"), 2);
  CHECK_EQUAL(elements(grammar({seam::kLineIp, seam::kLineProtocolPort}),
                       "1.2.3.4,tcp:1\n1.2.3.4,17:1\n1.2.3.4,80"),
              3);
  CHECK_EQUAL(elements(grammar({seam::kLineIp, seam::kLineProtocolPort}), "1.2.3.4,icmp:1/1"), -1);
  CHECK_EQUAL(elements(grammar({}), "1.2.3.4"), -1);
  CHECK_EQUAL(elements(grammar({99}), "1.2.3.4"), -1);
}

TEST_CASE(
    "what may be a comment is never a name, and comments do not change what stands before them") {
  const auto name = grammar({seam::kLineName});
  CHECK_EQUAL(elements(name, "#web"), 0);
  CHECK_EQUAL(elements(name, ";web # x"), 0);
  auto prefixed = name;
  std::memcpy(prefixed.prefix, "add all ", 8);
  CHECK_EQUAL(elements(prefixed, "add all #web"), -1);
  CHECK_EQUAL(elements(prefixed, "add all web\r\nadd all web2 \t# x\r\nadd all web3"), 3);
  ReadLines read(grammar({seam::kLineIp}), "10.0.0.1 timeout 5\t; comment \"x\"\n 10.0.0.2\r\r\n");
  CHECK_EQUAL(read.entries.count(), 2U);
  CHECK_EQUAL(read.entries[0].timeout, 5U);
  CHECK_EQUAL(read.entries[0].commentLength, 0);
}

TEST_CASE("numbers end where their type does") {
  const auto ip = grammar({seam::kLineIp});
  CHECK_EQUAL(elements(ip, "1.2.3.4 bytes 9007199254740991"), 1);
  for (const char* bad : {"1.2.3.4 bytes 9007199254740992", "1.2.3.4 bytes 18446744073709551617",
                          "1.2.3.4 bytes 100000000000000000000", "1.2.3.4 timeout 00", "1.2.3",
                          "1.2.3.", "1.2.3.256", "1.2.3.4.", "1.2.3.04", "1.2.3.0004"}) {
    CHECK_EQUAL(elements(ip, bad), -1);
  }
}

TEST_CASE("reading stops before the line that it leaves alone") {
  ReadLines read(grammar({seam::kLineIp}), "# x\n10.0.0.1\n\nexample\n10.0.0.2\n");
  CHECK_EQUAL(read.done.bytes, 14U);
  CHECK_EQUAL(read.done.lines, 3U);
  CHECK_EQUAL(read.lines[0].offset, 4U);
  CHECK_EQUAL(read.lines[0].number, 1U);
}

TEST_CASE("the reader survives mutated lines") {
  const std::vector<std::string> seeds{
      "10.0.0.1,tcp:80,10.1.0.0/16 nomatch timeout 5 comment \"a b\"\n",
      "2001:db8::1,udplite:53,2001:db8::/32 packets 1 bytes 2 # x\r\n",
      "add web 00:11:22:33:44:55,0x00000001,physdev:eth0 \n", "; \t\n", "web,65535\n"};
  std::mt19937 random(19);
  const auto pick = [&random](size_t below) { return static_cast<size_t>(random()) % below; };
  for (int i = 0; i < 200000; ++i) {
    std::string text = seeds[pick(seeds.size())] + seeds[pick(seeds.size())];
    for (size_t n = pick(6); n > 0; --n) text[pick(text.size())] = static_cast<char>(random());
    if (pick(4) == 0) text.resize(pick(text.size()));
    seam::SetGrammar how{};
    for (auto& kind : how.kinds)
      kind = static_cast<uint8_t>(pick(12) | (pick(3) == 0 ? pick(4) << 6 : 0));
    how.count = static_cast<uint8_t>(pick(9));
    how.family = pick(2) == 0 ? AF_INET : AF_INET6;
    how.options = pick(2) == 0 ? 0 : UINT32_MAX;
    if (pick(5) == 0) std::memset(how.prefix, 'a', pick(sizeof how.prefix + 1));
    readLinesChecked(how, text);
  }
  CHECK(seeds.size() == 5);
}

}  // namespace

TEST_MAIN()
