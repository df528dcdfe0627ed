#include "core/gemm_bf16.hpp"

#include "core/parallel.hpp"
#include "core/precision.hpp"

#ifdef GNOMON_ONEDNN
#include <map>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/one_thread.hpp"
#endif

namespace gnomon {

Array rounded_to_bf16(size_t rows, size_t columns, const real* data, size_t stride) {
  Array to({rows, columns});
  parallel_for(rows, 64, [&](size_t begin, size_t end) {
    for (size_t r = begin; r < end; ++r)
      for (size_t i = 0; i < columns; ++i)
        to.row(r)[i] = from_bf16(to_bf16(static_cast<float>(data[r * stride + i])));
  });
  return to;
}

#ifndef GNOMON_ONEDNN

bool has_bf16() { return false; }

#else

namespace {

using dnnl::memory;

template <class T>
constexpr auto kType = std::is_same_v<T, float> ? memory::data_type::f32 : memory::data_type::bf16;

memory::dim dim(size_t n) { return static_cast<memory::dim>(n); }

memory::desc plain(size_t rows, size_t columns, memory::data_type type, size_t stride,
                   bool transposed) {
  return {{dim(rows), dim(columns)},
          type,
          transposed ? memory::dims{1, dim(stride)} : memory::dims{dim(stride), 1}};
}

const dnnl::engine& engine() {
  static const dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream own(engine());
  return own;
}

memory at(const memory::desc& layout, const void* data) {
  return {layout, engine(), const_cast<void*>(data)};
}

/// Rows of dense A times a piece of B. `tall`: the rows of a whole tile, which decide how B is
/// packed for all of them.
struct Piece {
  size_t tall, rows, n, inner, stride_c;
  bool transposed_a;
  real beta, alpha;
  auto operator<=>(const Piece&) const = default;
};

/// The scratchpad is the caller's: a primitive that owns one must not run on two threads at once.
template <class T>
dnnl::matmul::primitive_desc planned(const Piece& s, const memory::desc& b) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (s.alpha != 1) attributes.set_output_scales(0, {s.alpha});
  if (s.beta != 0) {
    dnnl::post_ops sum;
    sum.append_sum(s.beta);
    attributes.set_post_ops(sum);
  }
  const auto a =
      plain(s.rows, s.inner, kType<T>, s.transposed_a ? s.rows : s.inner, s.transposed_a);
  const auto c = plain(s.rows, s.n, memory::data_type::f32, s.stride_c, false);
  return {{a, b, c}, attributes, engine()};
}

/// A product ready to run, and how it wants B. Of this thread; made once for every shape, as long
/// as there are not too many: sequences of random lengths have ever new ones.
struct Plan {
  memory::desc a, b, c, scratchpad;
  dnnl::matmul run;
};

constexpr size_t kPlans = 1024;

template <class T>
const Plan& plan(const Piece& s) {
  thread_local std::map<Piece, Plan> known;
  if (const auto found = known.find(s); found != known.end()) return found->second;
  if (known.size() == kPlans) known.clear();
  Piece whole = s;
  whole.rows = s.tall;
  const memory::desc any({dim(s.inner), dim(s.n)}, kType<T>, memory::format_tag::any);
  const memory::desc b = planned<T>(whole, any).weights_desc();
  const auto made = planned<T>(s, b);
  return known
      .emplace(
          s, Plan{made.src_desc(), b, made.dst_desc(), made.scratchpad_desc(), dnnl::matmul(made)})
      .first->second;
}

/// Dense, in the order in which the numbers lie in memory.
template <class T>
void pack(size_t rows, size_t columns, const real* from, size_t stride, T* to) {
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < columns; ++i) {
      const real x = from[r * stride + i];
      if constexpr (std::is_same_v<T, float>)
        to[r * columns + i] = x;
      else
        to[r * columns + i] = to_bf16(x);
    }
}

/// Where row i, column j of the matrix is.
const real* place(const Matrix& a, size_t i, size_t j) {
  return a.data + (a.transposed ? j * a.stride + i : i * a.stride + j);
}

}  // namespace

template <class T>
void gemm_packed(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c,
                 real beta, real alpha) {
  constexpr size_t kTall = 128, kInner = 1024;
  const size_t tall = std::min(kTall, m), pieces = (k - 1) / kInner + 1;
  const auto shape = [&](size_t rows, size_t piece) {
    return Piece{tall,
                 rows,
                 n,
                 std::min(kInner, k - piece * kInner),
                 stride_c,
                 a.transposed,
                 piece ? 1 : beta,
                 alpha};
  };
  try {
    std::vector<Tensor<T> > packed(pieces);
    parallel_for(pieces, 1, [&](size_t piece, size_t) {
      const OneThread planned_for;
      const Piece s = shape(tall, piece);
      const memory::desc& layout = plan<T>(s).b;
      packed[piece] = Tensor<T>({layout.get_size() / sizeof(T)});
      const auto lies = plain(s.inner, n, memory::data_type::f32, b.stride, b.transposed);
      memory from = at(lies, place(b, piece * kInner, 0));
      memory to = at(layout, packed[piece].data());
      dnnl::reorder(from, to).execute(stream(), from, to);
    });
    parallel_for(m, kTall, [&](size_t begin, size_t end) {
      const OneThread planned_for;
      Tensor<T> dense({(end - begin) * std::min(kInner, k)});
      for (size_t piece = 0; piece < pieces; ++piece) {
        const Piece s = shape(end - begin, piece);
        const Plan& p = plan<T>(s);
        const real* rows = place(a, begin, piece * kInner);
        if (a.transposed)
          pack(s.inner, s.rows, rows, a.stride, dense.data());
        else
          pack(s.rows, s.inner, rows, a.stride, dense.data());
        Tensor<uint8_t> scratchpad({p.scratchpad.get_size()});
        p.run.execute(stream(), {{DNNL_ARG_SRC, at(p.a, dense.data())},
                                 {DNNL_ARG_WEIGHTS, at(p.b, packed[piece].data())},
                                 {DNNL_ARG_DST, at(p.c, c + begin * stride_c)},
                                 {DNNL_ARG_SCRATCHPAD, at(p.scratchpad, scratchpad.data())}});
      }
    });
  } catch (const dnnl::error& e) {
    fail(Fault::misuse, "gemm: oneDNN refused [{},{}] x [{},{}] of packed operands: {}", m, k, k, n,
         e.what());
  }
}

template void gemm_packed<uint16_t>(size_t, size_t, size_t, Matrix, Matrix, real*, size_t, real,
                                    real);
template void gemm_packed<float>(size_t, size_t, size_t, Matrix, Matrix, real*, size_t, real, real);

bool has_bf16() {
  using Bits = std::underlying_type_t<dnnl::cpu_isa>;
  constexpr auto kNeeded = static_cast<Bits>(dnnl::cpu_isa::avx512_core_bf16);
  static const bool has = (static_cast<Bits>(dnnl::get_effective_cpu_isa()) & kNeeded) == kNeeded;
  return has;
}
#endif

}  // namespace gnomon
