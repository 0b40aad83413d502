#include "seam/worker.h"

namespace seam {

namespace {

/// The one AsyncWorker. Deletes itself when the promise is settled.
class Worker final : public Napi::AsyncWorker {
 public:
  Worker(Napi::Env env, const char* name, std::unique_ptr<Job> job)
      : Napi::AsyncWorker(env, name), job_(std::move(job)) {}

  /// Null when the environment refuses.
  napi_value promise() noexcept {
    napi_value promise = nullptr;
    if (napi_create_promise(Env(), &deferred_, &promise) != napi_ok) return nullptr;
    return promise;
  }

  void Execute() override { job_->execute(); }

  void OnOK() override {
    const napi_env env = Env();
    napi_value value = job_->result(env);
    if (value == nullptr) napi_get_undefined(env, &value);
    // In an environment that is shutting down nobody is left to be told.
    if (value != nullptr) napi_resolve_deferred(env, deferred_, value);
  }

 private:
  std::unique_ptr<Job> job_;
  napi_deferred deferred_ = nullptr;
};

}  // namespace

napi_value startJob(Napi::Env env, const char* name, std::unique_ptr<Job> job) {
  auto* worker = new Worker(env, name, std::move(job));
  napi_value promise = worker->promise();
  if (promise == nullptr) {
    delete worker;
    return nullptr;
  }
  worker->Queue();
  return promise;
}

}  // namespace seam
