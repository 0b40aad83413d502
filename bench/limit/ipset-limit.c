/*
 * What the kernel needs for elements of hash:ip,port and nothing else: messages that were encoded before go out, answers are looked at
 * for a refusal only. Prints seconds, by the clock and of the
 * processor. The benchmark compares with it.
 *
 *   ipset-limit add NAME COUNT     10.0.0.0,tcp:0 and on, into a set that exists and is empty
 *   ipset-limit list NAME          reads the listing to its end
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PER_MESSAGE 1500

static uint8_t* out;
static size_t used;

static void fail(const char* what) {
  perror(what);
  exit(1);
}

static void* put(uint16_t type, const void* data, uint16_t size) {
  struct nlattr* attr = (struct nlattr*)(out + used);
  attr->nla_len = (uint16_t)(NLA_HDRLEN + size);
  attr->nla_type = type;
  if (size) memcpy(attr + 1, data, size);
  memset((uint8_t*)(attr + 1) + size, 0, NLA_ALIGN(size) - size);
  used += NLA_HDRLEN + NLA_ALIGN(size);
  return attr;
}

static void closeNest(void* start) {
  ((struct nlattr*)start)->nla_len = (uint16_t)(out + used - (uint8_t*)start);
}

static struct nlmsghdr* begin(int command, uint16_t flags, const char* name) {
  struct nlmsghdr* header = (struct nlmsghdr*)(out + used);
  struct nfgenmsg* family = (struct nfgenmsg*)(header + 1);
  const uint8_t protocol = 6;
  memset(header, 0, sizeof *header + sizeof *family);
  header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_IPSET << 8 | command);
  header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
  header->nlmsg_seq = 1;
  family->nfgen_family = AF_INET;
  used += sizeof *header + sizeof *family;
  put(IPSET_ATTR_PROTOCOL, &protocol, 1);
  put(IPSET_ATTR_SETNAME, name, (uint16_t)(strlen(name) + 1));
  return header;
}

static void putElement(uint32_t i) {
  const uint32_t ip = htonl(10u << 24 | i);
  const uint16_t port = htons((uint16_t)i);
  const uint8_t proto = 6;
  void* data = put(IPSET_ATTR_DATA | NLA_F_NESTED, NULL, 0);
  void* nest = put(IPSET_ATTR_IP | NLA_F_NESTED, NULL, 0);
  put(IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, &ip, 4);
  closeNest(nest);
  put(IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, &port, 2);
  put(IPSET_ATTR_PROTO, &proto, 1);
  closeNest(data);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double startWall, startCpu;

static void start(void) {
  startWall = seconds(CLOCK_MONOTONIC);
  startCpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* By the clock, and of the processor. */
static void report(void) {
  printf("%.6f %.6f\n", seconds(CLOCK_MONOTONIC) - startWall,
         seconds(CLOCK_PROCESS_CPUTIME_ID) - startCpu);
}

static int openSocket(void) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  const int size = 1 << 20;
  if (fd < 0) fail("socket");
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return fd;
}

/* Every answer must be the acknowledgement that was asked for. */
static void checkAnswers(int fd, uint8_t* buffer, size_t size) {
  const ssize_t got = recv(fd, buffer, size, 0);
  if (got < 0) fail("recv");
  const struct nlmsghdr* header = (const struct nlmsghdr*)buffer;
  const struct nlmsgerr* error = (const struct nlmsgerr*)(header + 1);
  if (header->nlmsg_type != NLMSG_ERROR || error->error != 0) {
    fprintf(stderr, "refused: %d\n", error->error);
    exit(1);
  }
}

static void add(const char* name, uint32_t count) {
  static uint8_t answers[1 << 17];
  const uint32_t messages = (count + PER_MESSAGE - 1) / PER_MESSAGE;
  out = malloc((size_t)count * 40 + (size_t)messages * 128);
  size_t* starts = malloc((messages + 1) * sizeof *starts);
  if (!out || !starts) fail("malloc");
  const uint32_t line = 0;
  for (uint32_t m = 0; m < messages; ++m) {
    starts[m] = used;
    struct nlmsghdr* header = begin(IPSET_CMD_ADD, NLM_F_ACK, name);
    put(IPSET_ATTR_LINENO, &line, 4);
    void* adt = put(IPSET_ATTR_ADT | NLA_F_NESTED, NULL, 0);
    for (uint32_t i = m * PER_MESSAGE; i < count && i < (m + 1) * PER_MESSAGE; ++i) putElement(i);
    closeNest(adt);
    header->nlmsg_len = (uint32_t)(out + used - (uint8_t*)header);
  }
  starts[messages] = used;
  const int fd = openSocket();
  start();
  for (uint32_t m = 0; m < messages; ++m) {
    if (send(fd, out + starts[m], starts[m + 1] - starts[m], 0) < 0) fail("send");
    checkAnswers(fd, answers, sizeof answers);
  }
  report();
}

static void list(const char* name) {
  static uint8_t buffer[1 << 16];
  out = malloc(256);
  struct nlmsghdr* header = begin(IPSET_CMD_LIST, NLM_F_DUMP, name);
  header->nlmsg_len = (uint32_t)used;
  const int fd = openSocket();
  start();
  if (send(fd, out, used, 0) < 0) fail("send");
  for (;;) {
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);
    if (got < 0) fail("recv");
    for (struct nlmsghdr* m = (struct nlmsghdr*)buffer; NLMSG_OK(m, (uint32_t)got);
         m = NLMSG_NEXT(m, got)) {
      if (m->nlmsg_type == NLMSG_ERROR) fail("listing");
      if (m->nlmsg_type != NLMSG_DONE) continue;
      report();
      return;
    }
  }
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "add") == 0) {
    add(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
  } else if (argc == 3 && strcmp(argv[1], "list") == 0) {
    list(argv[2]);
  } else {
    fprintf(stderr, "usage: ipset-limit add NAME COUNT | list NAME\n");
    return 2;
  }
  return 0;
}
