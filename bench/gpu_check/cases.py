# SPDX-License-Identifier: MIT
"""What is asked of a GPU: suites, benches and peers, the most telling ones first, with the seconds
that each may take at most. tests/gpu_check demands that every filter finds something."""

#: programs of a build, in its folders tests, bench and bin
TESTS = ("kernels", "host", "golden", "training")
BENCHES = ("solve", "train_step", "loops", "strategies", "inference", "adjoint", "projection",
           "sparse_loops", "recurrence")
PROGRAMS = (*(f"tests/idl_test_{name}" for name in TESTS), *(f"bench/bench_{name}" for name in BENCHES),
            "bench/bench_ours", "bin/idl")
#: trained here; what the trained cases of benches and peers read
MODELS = ("trained_n100_p784.safetensors", "trained_n300_p784.safetensors")

#: the tests that run on a GPU
ON_GPU = "*/cuda_*:Cuda*:HostWaits*"
#: what all others stand on; they run one after the other, before the others
BASIC_SUITES = (("kernels", "CudaDevices."), ("kernels", "CudaBackendTest."),
                ("kernels", "CudaLoopTest."), ("kernels", "GemmTest/cuda_f32."),
                ("kernels", "FusedLoopTest/cuda_f32."), ("kernels", "FusedSparseTest/cuda_f32."),
                ("kernels", "FusedRecurrenceTest/cuda_f32."))
BASIC_SECONDS = 20
SUITE_SECONDS = 60
ALL_SUITES_SECONDS = 100
#: side by side; each has a CUDA context of its own
SUITES_AT_ONCE = 8

_SMALL = "n(100_p784|300_p3072)_m100"
FIRST_BENCHES = (
    ("solve", 20, f"^solve/.*/f32/random/({_SMALL}|n1024_p3072_m1024)(/block_replay)?/manual"),
    ("train_step", 15, f"f32/random/{_SMALL}/manual"),
    ("loops", 10, "."),
)
SANITIZER_SECONDS = 35
#: compute-sanitizer's tools and the tests that they watch, by short suites
SANITIZED = (
    ("memcheck", "PicardUpdate*cuda_f32*:AdjointUpdate*cuda_f32*:ProjectRowsL1*cuda_f32*"
                 ":UpdateParameters*cuda_f32*:FusedLoop*cuda_f32.ClustersTake*:CudaLoopTest.LoopsRun*"
                 ":FusedSparse*cuda_f32.*:SampleUpdate*cuda_f32.*:FusedRecurrence*cuda_f32.*"),
    ("racecheck", "FusedLoop*cuda_f32.ClustersTake*:FusedLoop*cuda_f32.ColumnsHave*"
                  ":ProjectRowsL1*cuda_f32*:FusedSparse*cuda_f32.CountsAs*"
                  ":FusedRecurrence*cuda_f32.SequencesEnd*"
                  ":SampleUpdate*cuda_f32.AgreesWithNaiveLoopsInPacks*"),
)

TIMED_BENCHES = (
    ("train_step", 25, "f32/(random/n(100|300|1024)_|trained)"),
    ("solve", 45, "^solve/.*/f32/random/n(100|300|1000|1024)_"),
    ("loops", 10, "."),
    ("recurrence", 10, "n20_h20_m7000_T59/.*/automatic"),
    ("recurrence", 10, "n(20_h20_m100_|64_)"),
    ("sparse_loops", 30, "n(300|1024|4096|16384)_"),
    ("strategies", 35, "f32"),
    ("inference", 15, "."),
    ("solve", 25, "^solve/.*/f32/(random/n4096_|trained)"),
    ("projection", 20, "f32"),
    ("adjoint", 10, "f32/random/n(100|300|1024|4096)_"),
)
#: of which cuBLASLt says what it does
LOGGED_SOLVE = "^solve/.*/f32/random/n1024_p3072_m1024/manual"
#: with what is left at the end
LAST_BENCH = ("solve", 40, "^solve/.*/f32/random/n16384_p4096_m4096(/automatic)?/manual")

#: states and inputs of the random models of peers and profiles, made there
RANDOM_MODELS = ((100, 784), (300, 3072), (1000, 784), (1024, 3072), (4096, 3072))
#: every kernel of these by its time: case, model, samples
PROFILES = (("train_step", "random_n100_p784", 100), ("solve", "random_n1024_p3072", 1024))
PROFILE_SECONDS = 20
PROFILE_METRICS = ("gpu__time_duration.sum", "launch__grid_size",
                   "launch__registers_per_thread",
                   "sm__throughput.avg.pct_of_peak_sustained_elapsed",
                   "dram__throughput.avg.pct_of_peak_sustained_elapsed")
PEER_SECONDS = 150
PEER_PROGRAMS = "best_pytorch_(eager|compiled|tf32)|jax_while|seed"
PEER_CASES = ("train_step/(trained_n100|random_n300)|solve/(trained_n100|random_n1024|random_n4096)"
              "|inference")
