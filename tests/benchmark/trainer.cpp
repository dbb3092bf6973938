// What a training step costs on one core beside PyTorch in eager mode: forward, loss, backward and Adam, with the shuffled
// batch gathered here and lying ready there.
//
// CPU time of the thread, because other work on the machine would count as well otherwise; with `--device cuda` wall-clock time of a
// step on the first GPU, beside PyTorch in eager mode and with CUDA graphs. All take turns in every repetition, so that none has the
// quieter machine.

#include <algorithm>
#include <array>
#include <cmath>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "benchmark.hpp"
#include "regatta/core/clock.hpp"
#include "regatta/core/error.hpp"
#include "regatta/core/text.hpp"
#include "support/process.hpp"
#include "training.hpp"

using namespace regatta;

namespace {

/// Time of a step [us]: CPU time of this thread, or wall-clock time on a GPU.
double step_microseconds(const benchmark::TrainingSize& size, double seconds, bool cuda = false,
                         device::Precision precision = device::Precision::Fp32) {
  const double steps = cuda ? 128 : std::clamp(std::round(1e10 / size.operations), 1.0, 128.0);
  benchmark::Training training(size, static_cast<std::size_t>(steps) * size.batch, nullptr, true, cuda, precision);
  for (int warm = 0; warm < (cuda ? 3 : 1); ++warm) training.epoch();
  const Stopwatch clock;
  const double start = benchmark::thread_cpu_seconds();
  double spent = 0;
  int epochs = 0;
  for (; spent < seconds; ++epochs) {
    training.epoch();
    spent = cuda ? clock.seconds() : benchmark::thread_cpu_seconds() - start;
  }
  return 1e6 * spent / (epochs * steps);
}

/// What reading samples from a file costs: CPU time of a step, and of the thread that reads for it, relative to a step whose samples
/// are in memory. Where there is a core for that thread, a training is as fast as the larger of both.
struct Reading {
  double step, reader;
};

Reading cost_of_reading(const benchmark::TrainingSize& size, double seconds) {
  const std::size_t steps = 96;  // windows of more than 16 blocks
  benchmark::Training resident(size, steps * size.batch), stored(size, steps * size.batch, nullptr, true, false, device::Precision::Fp32, true);
  Reading spent{};
  double in_memory = 0;
  for (resident.epoch(), stored.epoch(); in_memory < seconds;) {
    const double start = benchmark::thread_cpu_seconds();
    resident.epoch();
    const double between = benchmark::thread_cpu_seconds(), all = benchmark::process_cpu_seconds();
    stored.epoch();
    const double own = benchmark::thread_cpu_seconds() - between;
    in_memory += between - start;
    spent.step += own;
    spent.reader += benchmark::process_cpu_seconds() - all - own;
  }
  return {spent.step / in_memory, spent.reader / in_memory};
}

/// Steps per CPU second of two trainings at the same time over those of one.
double gain_of_two(const benchmark::TrainingSize& size, double seconds) {
  const double alone = step_microseconds(size, seconds);
  std::array<double, 2> both{};
  {
    std::jthread other([&] { both[1] = step_microseconds(size, seconds); });
    both[0] = step_microseconds(size, seconds);
  }
  return alone / both[0] + alone / both[1];
}

/// Fused multiply-adds in registers: what no program on one core of this processor can surpass [GFLOP/s]. 0: it has none.
double peak_gigaflops() {
  constexpr long rounds = 1'000'000;
  const bool avx512 = __builtin_cpu_supports("avx512f");
  if (!avx512 && !__builtin_cpu_supports("fma")) return 0;
  long left = rounds;
  const double start = benchmark::thread_cpu_seconds();
  if (avx512)
    asm volatile(
        ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,14,15\n vpxorq %%zmm\\i, %%zmm\\i, %%zmm\\i\n .endr\n"
        "1: .irp i,0,1,2,3,4,5,6,7,8,9,10,11\n vfmadd231ps %%zmm15, %%zmm14, %%zmm\\i\n .endr\n"
        "sub $1, %0\n jne 1b\n vzeroupper"
        : "+r"(left)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm14", "xmm15", "cc");
  else
    asm volatile(
        ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,14,15\n vxorps %%ymm\\i, %%ymm\\i, %%ymm\\i\n .endr\n"
        "1: .irp i,0,1,2,3,4,5,6,7,8,9,10,11\n vfmadd231ps %%ymm15, %%ymm14, %%ymm\\i\n .endr\n"
        "sub $1, %0\n jne 1b\n vzeroupper"
        : "+r"(left)::"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
          "xmm11", "xmm14", "xmm15", "cc");
  return 1e-9 * rounds * 12 * 2 * (avx512 ? 16 : 8) / (benchmark::thread_cpu_seconds() - start);
}

/// PyTorch's figures of one repetition by size [us]; its first line beside them. Empty where it is not there.
struct Peer {
  std::string facts;
  std::map<std::string, double> microseconds;
};

/// Steps per second of all networks that train at once on the first GPU, each in a lane; 0 where this one fits into none.
/// @param lanes  how many; 0: as many as the GPU holds, which comes back
double lane_steps_per_second(const benchmark::TrainingSize& size, double seconds, device::Precision precision,
                             std::size_t& lanes) {
  constexpr std::size_t steps = 512;
  benchmark::Population population(size, steps * size.batch, true, lanes, precision);
  lanes = population.lanes();
  if (lanes == 0) return 0;
  population.epoch();
  const Stopwatch clock;
  int epochs = 0;
  for (; clock.seconds() < seconds; ++epochs) population.epoch();
  return static_cast<double>(epochs) * static_cast<double>(lanes * steps) / clock.seconds();
}

/// CPU time of a step of each of 16 networks that train at once, in lanes [us]; 0 where one alone is faster.
double lane_step_microseconds(const benchmark::TrainingSize& size, double seconds) {
  constexpr std::size_t steps = 128, lanes = 16;
  benchmark::Population population(size, steps * size.batch, false, lanes);
  if (population.lanes() == 0) return 0;
  population.epoch();
  const double start = benchmark::thread_cpu_seconds();
  double spent = 0;
  int epochs = 0;
  for (; spent < seconds; ++epochs) {
    population.epoch();
    spent = benchmark::thread_cpu_seconds() - start;
  }
  return 1e6 * spent / static_cast<double>(epochs * steps * lanes);
}

/// OpenBLAS of a distribution may not know this processor, and PyTorch would be compared with its slowest kernels.
std::string best_blas_core() {
  return __builtin_cpu_supports("avx512bw") ? "SkylakeX" : __builtin_cpu_supports("avx2") ? "Haswell" : "Nehalem";
}

/// The same of MKL, which PyTorch's own packages bring along: on processors of other makers it takes its
/// slowest kernels. Versions up to 2020.0 can be told better, later ones do not listen.
std::string best_mkl_kernels() {
  return __builtin_cpu_supports("avx512bw") ? "7" : __builtin_cpu_supports("avx2") ? "5" : "4";
}

/// @param options  further ones
Peer measure_peer(const std::string& python, const std::vector<std::string>& names,
                  const std::vector<std::string>& options = {}) {
  std::vector<std::string> command{python, REGATTA_SOURCE_DIR "/tests/benchmark/peers/trainer.py", "--sizes"};
  command.insert(command.end(), names.begin(), names.end());
  command.insert(command.end(), options.begin(), options.end());
  const auto result =
      support::run_process(command, {.timeout_s = 600,
                                     .environment = {{"OPENBLAS_NUM_THREADS", "1"},
                                                     {"OMP_NUM_THREADS", "1"},
                                                     {"OPENBLAS_CORETYPE", best_blas_core()},
                                                     {"MKL_DEBUG_CPU_TYPE", best_mkl_kernels()}}});
  if (result.exit_code != 0) {
    const auto lines = split(std::string(trim(result.err)), '\n');
    return {concat("PyTorch skipped: ", lines.empty() ? "no " + python : lines.back()), {}};
  }
  Peer peer;
  std::istringstream text(result.out);
  std::getline(text, peer.facts);
  for (std::string name, value; text >> name >> value;)
    peer.microseconds[name] = parse_number(value).value_or(0);
  return peer;
}

/// What was measured of one size, one value per repetition.
struct Measured {
  std::vector<double> own, two_at_once, in_lanes, peer, stored, reader;
};

void add_figures(benchmark::Report& report, const benchmark::TrainingSize& size, const Measured& measured, double peak,
                 const std::string& peer_facts) {
  const double mine = benchmark::median(measured.own), rate = 1e-3 * size.operations / mine;
  std::string note = concat(format_short(1e6 * static_cast<double>(size.batch) / mine, 3), " samples/s, ",
                            format_short(rate, 3), " GFLOP/s");
  if (peak > 0) note += concat(", ", format_short(100 * rate / peak, 2), " % of the peak");
  const std::string letter = concat("(", size.name, ") ");
  report.add({concat(letter, size.network, ", batch ", size.batch), measured.own, "us/step", "", note});
  report.add({letter + "two trainings at once", measured.two_at_once, "times one", ">= 1.95", ""});
  if (!measured.in_lanes.empty())
    report.add({letter + "in lanes", measured.in_lanes, "us/step", "",
                concat("of each of 16 networks at once, ", format_short(mine / benchmark::median(measured.in_lanes), 3), " times as fast as alone")});
  if (!measured.stored.empty()) {
    report.add({letter + "with samples read from a file", measured.stored, "times as long", "<= 1.05", "CPU time"});
    report.add({letter + "the thread that reads them", measured.reader, "times a step", "<= 1", "CPU time; random numbers, deflated"});
  }
  if (measured.peer.empty()) return;
  report.add({letter + "PyTorch", measured.peer, "us/step", "", peer_facts});
  const std::vector<double>& best = measured.in_lanes.empty() ? measured.own : measured.in_lanes;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < measured.peer.size(); ++i) ratios.push_back(measured.peer[i] / best[i]);
  report.add({letter + "times faster than PyTorch", ratios, "", concat(">= ", size.target), measured.in_lanes.empty() ? "" : "in lanes"});
}

/// Steps on one core, each repetition beside PyTorch in eager mode.
void measure_on_processor(const benchmark::Arguments& arguments, const std::vector<std::string>& chosen,
                          benchmark::Report& report) {
  std::map<std::string, Measured> measured;
  std::vector<double> peaks;
  Peer peer;
  for (int i = 0; i < report.repeats(); ++i) {
    peaks.push_back(peak_gigaflops());
    for (const auto& size : benchmark::training_sizes()) {
      if (std::ranges::find(chosen, size.name) == chosen.end()) continue;
      measured[size.name].own.push_back(step_microseconds(size, 0.3));
      if (const double in_lanes = lane_step_microseconds(size, 0.3); in_lanes > 0) measured[size.name].in_lanes.push_back(in_lanes);
      measured[size.name].two_at_once.push_back(gain_of_two(size, 0.3));
      if (size.name != "c") continue;
      const Reading reading = cost_of_reading(size, 1);
      measured[size.name].stored.push_back(reading.step);
      measured[size.name].reader.push_back(reading.reader);
    }
    if (i == 0 || !peer.microseconds.empty()) peer = measure_peer(arguments.text("--python"), chosen);
    for (const auto& [name, value] : peer.microseconds) measured[name].peer.push_back(value);
  }
  const double peak = benchmark::median(peaks);
  for (const auto& size : benchmark::training_sizes())
    if (measured.contains(size.name)) add_figures(report, size, measured[size.name], peak, peer.facts);
  report.add({"peak of a core", peaks, "GFLOP/s", "", "fused multiply-adds in registers"});
  if (peer.microseconds.empty()) std::cout << peer.facts << '\n';
}

std::string lane_target(const std::string& size, std::size_t lanes) {
  if (size == "a" && lanes > 32) return ">= 1e7";
  if (size == "c" && lanes == 1) return ">= 33333";
  return size == "c" && lanes == 32 ? ">= 60000" : "";
}

/// Steps on the first GPU, each repetition beside PyTorch in both modes.
void measure_on_gpu(const benchmark::Arguments& arguments, const std::vector<std::string>& chosen,
                    benchmark::Report& report) {
  std::map<std::string, std::vector<double>> own, in_tf32, in_bf16;
  using InLanes = std::map<std::pair<std::size_t, bool>, std::vector<double>>;  ///< by how many, and whether in tf32
  std::map<std::string, InLanes> in_lanes;
  std::map<std::string, std::map<std::string, std::vector<double>>> peers;  ///< by facts and size
  for (int i = 0; i < report.repeats(); ++i) {
    for (const auto& size : benchmark::training_sizes())
      if (std::ranges::find(chosen, size.name) != chosen.end()) {
        own[size.name].push_back(step_microseconds(size, 0.3, true));
        in_tf32[size.name].push_back(step_microseconds(size, 0.3, true, device::Precision::Tf32));
        in_bf16[size.name].push_back(step_microseconds(size, 0.3, true, device::Precision::Bf16));
        for (const auto precision : {device::Precision::Fp32, device::Precision::Tf32})
          for (std::size_t lanes : {1, 32, 0}) {
            const double rate = lane_steps_per_second(size, 0.2, precision, lanes);
            if (rate > 0) in_lanes[size.name][{lanes, precision == device::Precision::Tf32}].push_back(rate);
          }
      }
    for (const auto& [mode, precision] : {std::pair{"eager", "fp32"}, {"graph", "fp32"}, {"graph", "tf32"}}) {
      const Peer peer =
          measure_peer(arguments.text("--python"), chosen,
                       {"--device", "cuda", "--seconds", "0.3", "--mode", mode, "--precision", precision});
      if (peer.microseconds.empty()) std::cout << peer.facts << '\n';
      for (const auto& [name, value] : peer.microseconds) peers[peer.facts][name].push_back(value);
    }
  }
  for (const auto& size : benchmark::training_sizes()) {
    if (!own.contains(size.name)) continue;
    const double mine = benchmark::median(own[size.name]);
    const std::string letter = concat("(", size.name, ") ");
    report.add({concat(letter, size.network, ", batch ", size.batch), own[size.name], "us/step", "",
                concat(format_short(1e6 * static_cast<double>(size.batch) / mine, 3), " samples/s, ",
                       format_short(1e-3 * size.operations / mine, 3), " GFLOP/s")});
    report.add({letter + "in tf32", in_tf32[size.name], "us/step", "", ""});
    report.add({letter + "in bf16", in_bf16[size.name], "us/step", "", ""});
    for (const auto& [kind, rates] : in_lanes[size.name]) {
      const auto [lanes, tf32] = kind;
      report.add({letter + (tf32 ? "in lanes, tf32" : "in lanes"), rates, "steps/s", lane_target(size.name, lanes),
                  concat(lanes, " at once, ", format_short(1e6 * static_cast<double>(lanes) / benchmark::median(rates), 3),
                         " us/step of each")});
    }
    for (auto& [facts, times] : peers)
      if (times.contains(size.name))
        report.add({letter + "PyTorch", times[size.name], "us/step", "",
                    concat(facts, ": ", format_short(benchmark::median(times[size.name]) / mine, 3), " times ours")});
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> names;
  for (const auto& size : benchmark::training_sizes()) names.push_back(size.name);
  const benchmark::Arguments arguments(argc, argv,
                                       {{"--json", "", "FILE"},
                                        {"--repeat", "5", "N"},
                                        {"--sizes", "all", concat("all|", join(names, ","))},
                                        {"--device", "cpu", "cpu|cuda"},
                                        {"--python", "python3", "PROGRAM"}});
  const auto chosen = arguments.words("--sizes", names);
  const bool cuda = arguments.words("--device", {"cpu", "cuda"}).front() == "cuda";
  benchmark::Report report("trainer", arguments);
  cuda ? measure_on_gpu(arguments, chosen, report) : measure_on_processor(arguments, chosen, report);
  report.finish();
}
