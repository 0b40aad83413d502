#pragma once

#include <napi.h>

#include <memory>

namespace seam {

/// Work for a worker thread.
class Job {
 public:
  virtual ~Job() = default;
  /// On a worker thread: no JavaScript here.
  virtual void execute() noexcept = 0;
  /// On the JavaScript thread afterwards: what the promise resolves with. Null when the environment
  /// is shutting down.
  virtual napi_value result(napi_env env) noexcept = 0;
};

/// Run `job` on a worker thread; the promise resolves with its result.
[[nodiscard]] napi_value startJob(Napi::Env env, const char* name, std::unique_ptr<Job> job);

}  // namespace seam
