// What this machine can do when nothing is in the way, by probes of our own kernels.
#pragma once

namespace gnomon {

struct Machine {
  double gemm_gflops = 0;       ///< float32 products of [2048,256] and [256,512], all threads
  double gemm_gflops_bf16 = 0;  ///< the same in bf16, rounding included; 0: no such processor
  double copy_gb_s = 0;         ///< bytes copied (read once, written once) per second, all threads
  /// Rows of 256 numbers at random places of a table larger than the caches, as shares of
  /// copy_gb_s: copied out (gather), and added in by the inverse index (scatter-add).
  double gather_share = 0, scatter_share = 0;
};

/// The best of many tries; about two seconds. With `rows` also the two shares.
Machine measure_machine(bool rows);

}  // namespace gnomon
