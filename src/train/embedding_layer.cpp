#include "embedding_layer.hpp"

#include "regatta/core/error.hpp"

namespace regatta::train {

EmbeddingLayer::EmbeddingLayer(const EmbeddingSpec& spec, const Shape& input)
    : spec_(spec), steps_(size_of(input)) {
  require(input.size() == 1, "an embedding reads sequences of tokens, which have one dimension, got ",
          input.size());
  require(spec.tokens > 0 && spec.width > 0, "an embedding needs tokens and a width, got ", spec.tokens,
          " and ", spec.width);
}

void EmbeddingLayer::draw(Random& random, std::span<float> weights, std::span<float>,
                          std::span<float>) const {
  for (float& weight : weights) weight = static_cast<float>(random.normal());
}

void EmbeddingLayer::place(device::Backend& backend, const Places& places, std::size_t most_samples) {
  backend_ = &backend;
  places_ = places;
  y_ = {backend, most_samples * steps_ * spec_.width};
}

device::MatrixView<const float> EmbeddingLayer::forward(device::MatrixView<const float> x, const Pass&) {
  last_ = {x, {places_.weights, spec_.tokens, spec_.width}, {y_.data(), x.rows, steps_ * spec_.width}};
  backend_->forward(last_);
  return last_.y;
}

void EmbeddingLayer::backward(device::MatrixView<float> y, device::MatrixView<float>) {
  backend_->backward(last_, y, {places_.weight_gradients, spec_.tokens, spec_.width});
}

}  // namespace regatta::train
