#include "nl/netns.h"

#include <pthread.h>
#include <sched.h>

#include <cerrno>

namespace nl {

namespace {

struct Job {
  int fd;
  void (*work)(void*) noexcept;
  void* argument;
  int error;
};

void* enterAndWork(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  if (setns(job.fd, CLONE_NEWNET) != 0) {
    job.error = -errno;
  } else {
    job.work(job.argument);
  }
  return nullptr;
}

}  // namespace

int Netns::runInside(void (*work)(void*) noexcept, void* argument) const noexcept {
  Job job{.fd = fd_.get(), .work = work, .argument = argument, .error = 0};
  // pthread_create, not std::thread: that one can only report a failure by throwing.
  pthread_t thread{};
  if (const int error = pthread_create(&thread, nullptr, enterAndWork, &job); error != 0)
    return -error;
  pthread_join(thread, nullptr);
  return job.error;
}

}  // namespace nl
