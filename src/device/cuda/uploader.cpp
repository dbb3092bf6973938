#include "uploader.hpp"

#include <new>

#include "handles.hpp"

namespace regatta::device::cuda {
namespace {

/// A point in the work of a stream that others can wait for.
class Event {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class CudaUploader final : public Uploader {
 public:
  CudaUploader(int ordinal, const Stream& work) : device_(ordinal), work_(work) { leave(); }

  void leave() override {
    device_.use();
    check(cudaEventRecord(left_, work_));
  }

  void upload(std::span<const float> host, float* block) override {
    device_.use();
    check(cudaStreamWaitEvent(copies_, left_, 0));
    check(cudaMemcpyAsync(block, host.data(), host.size_bytes(), cudaMemcpyHostToDevice, copies_));
    check(cudaStreamSynchronize(copies_));
  }

 private:
  Device device_;
  const Stream& work_;
  Stream copies_;
  Event left_;
};

constexpr std::align_val_t page{4096};

}  // namespace

std::unique_ptr<Uploader> make_uploader(int ordinal, const Stream& work) {
  return std::make_unique<CudaUploader>(ordinal, work);
}

void* allocate_staging(std::size_t bytes) {
  void* block = ::operator new(bytes, page);
  if (cudaHostRegister(block, bytes, cudaHostRegisterDefault) != cudaSuccess)
    cudaGetLastError();  // forgotten
  return block;
}

void release_staging(void* block) noexcept {
  if (cudaHostUnregister(block) != cudaSuccess) cudaGetLastError();  // it was not pinned
  ::operator delete(block, page);
}

}  // namespace regatta::device::cuda
