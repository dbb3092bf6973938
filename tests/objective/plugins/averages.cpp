// A complete plug-in in C++ with both styles of control: a function that trains and asks now and then, and a
// class that is told what to do. Both find the mean of numbers that they draw; `style` says which one a trial
// uses.
//
//   c++ -std=c++20 -shared -fPIC -I PREFIX/include averages.cpp -o averages.so

#include <filesystem>
#include <fstream>
#include <random>
#include <regatta/plugin.hpp>
#include <sstream>

namespace {

using namespace regatta::plugin;

/// What is trained: the mean of `batch` more numbers per epoch.
struct Average {
  std::mt19937 random{1};
  double sum = 0;
  std::int64_t count = 0;

  double train(std::int64_t batch) {
    for (std::int64_t i = 0; i < batch; ++i) sum += static_cast<double>(random()) / 0x1p32;
    count += batch;
    return std::abs(sum / static_cast<double>(count) - 0.5);
  }
};

std::ostream& operator<<(std::ostream& stream, const Average& average) {
  stream.precision(17);
  return stream << average.random << ' ' << average.sum << ' ' << average.count;
}
std::istream& operator>>(std::istream& stream, Average& average) {
  return stream >> average.random >> average.sum >> average.count;
}

/// Cooperative control.
void train(Session& session) {
  Average average;
  std::int32_t epoch = 0;
  if (!session.restore_path().empty()) std::ifstream(session.restore_path()) >> average >> epoch;
  while (epoch < session.trial().epochs && !session.should_stop()) {
    const double error = average.train(session.params().integer("batch"));
    session.report(error, {static_cast<double>(++epoch)});
    if (session.should_checkpoint()) {
      const std::string folder = session.trial().directory, path = folder + "/" + std::to_string(epoch);
      std::filesystem::create_directories(folder);
      std::ofstream(path) << average << ' ' << epoch;
      session.record_checkpoint(path);
    }
  }
}

/// Direct control.
class Training final : public Direct {
 public:
  explicit Training(const Trial& trial) : batch_(trial.params.integer("batch")), epochs_(trial.epochs) {}

  std::optional<Reached> step() override {
    const double error = average_.train(batch_);
    ++epoch_;
    return Reached{error, epoch_ >= epochs_, {static_cast<double>(epoch_)}};
  }
  std::string save() override {
    std::ostringstream text;
    text << average_ << ' ' << epoch_;
    return text.str();
  }
  void load(std::string_view saved) override { std::istringstream(std::string(saved)) >> average_ >> epoch_; }
  bool reconfigure(const Params& params) override {
    batch_ = params.integer("batch");
    return true;
  }

 private:
  std::int64_t batch_;
  std::int32_t epochs_, epoch_ = 0;
  Average average_;
};

std::unique_ptr<Direct> make(const Trial& trial) {
  if (trial.params.text("style") == "function") return make_cooperative<train>(trial);
  return make_direct<Training>(trial);
}

}  // namespace

extern "C" const regatta_plugin_table* regatta_plugin() { return Table<make>::get(); }
