// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "idl/io.hpp"

namespace idl::bench {

/// One case of the comparison with the peers, as its command line says (peer_session.py).
struct PeerCase {
  std::string kind;  ///< solve, inference, train_step, sparse_solve, recurrent_forward,
                     ///< recurrent_step
  std::filesystem::path model;
  std::filesystem::path inputs;
  std::int64_t batch = 0;  ///< samples; 0: all of the file's
  std::int64_t steps = 10;
  double learning_rate = 1e-3;
  std::string device = "auto";
  std::string precision = "float32";
  std::string sweep = "automatic";
  std::string acceleration = "automatic";
};

/// This library's way to do a case.
class PeerWork {
 public:
  PeerWork() = default;
  PeerWork(const PeerWork&) = delete;
  PeerWork& operator=(const PeerWork&) = delete;
  virtual ~PeerWork() = default;

  /// Puts the starting state back; not timed. Waits.
  virtual void restore() = 0;
  /// Does the case once and waits for the result.
  virtual void run() = 0;
  /// Steps of one run.
  virtual std::int64_t steps() const { return 1; }
  /// Of the last run: applications of the map in the forward solve, of its slowest column.
  virtual double iterations() = 0;
  /// What the last run computed, one sample a row; see peer_session.py.
  virtual io::Safetensors answer() = 0;
  /// One line about the device.
  virtual std::string device() const = 0;
};

/// @throws Error
std::unique_ptr<PeerWork> make_peer_work(const PeerCase& peer_case);
/// That of `recurrent_forward` and `recurrent_step`. @throws Error
std::unique_ptr<PeerWork> make_recurrent_peer_work(const PeerCase& peer_case);
/// That of `sparse_solve`. @throws Error
std::unique_ptr<PeerWork> make_sparse_peer_work(const PeerCase& peer_case);

}  // namespace idl::bench
