#include "core/gemm_tile.hpp"

#if defined(GNOMON_ONEDNN)
#include <dnnl.h>

#include "core/one_thread.hpp"
#elif !defined(GNOMON_DOUBLE)
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#endif

#include "core/base/error.hpp"

namespace gnomon {
namespace {

real element(const Matrix& a, size_t i, size_t j) {
  return a.transposed ? a.data[j * a.stride + i] : a.data[i * a.stride + j];
}

}  // namespace

void multiply_plainly(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c,
                      real beta, real alpha) {
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t l = 0; l < k; ++l) sum += double{element(a, i, l)} * double{element(b, l, j)};
      real& y = c[i * stride_c + j];
      y = static_cast<real>(double{alpha} * sum + (beta == 0 ? 0.0 : double{beta} * double{y}));
    }
}

#if defined(GNOMON_DOUBLE)

void multiply(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
              real alpha) {
  multiply_plainly(m, n, k, a, b, c, stride_c, beta, alpha);
}

#elif defined(GNOMON_ONEDNN)

void multiply(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
              real alpha) {
  const OneThread planned;
  const auto length = [](size_t v) { return static_cast<dnnl_dim_t>(v); };
  const dnnl_status_t status = dnnl_sgemm(
      a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', length(m), length(n), length(k), alpha,
      a.data, length(a.stride), b.data, length(b.stride), beta, c, length(stride_c));
  expect(status == dnnl_success, "gemm: oneDNN refused [{},{}] x [{},{}] (status {})", m, k, k, n,
         static_cast<int>(status));
}

#else

namespace {

template <int order>
using Stored = Eigen::Matrix<real, Eigen::Dynamic, Eigen::Dynamic, order>;
template <class Of>
using View = Eigen::Map<Of, 0, Eigen::OuterStride<> >;

Eigen::Index length(size_t v) { return static_cast<Eigen::Index>(v); }

/// with(X), where X is the matrix as Eigen sees it: stored by rows or by columns.
template <class With>
void seen(const Matrix& a, size_t rows, size_t columns, With&& with) {
  const Eigen::OuterStride<> stride(length(a.stride));
  if (a.transposed)
    with(View<const Stored<Eigen::ColMajor> >(a.data, length(rows), length(columns), stride));
  else
    with(View<const Stored<Eigen::RowMajor> >(a.data, length(rows), length(columns), stride));
}

}  // namespace

void multiply(size_t m, size_t n, size_t k, Matrix a, Matrix b, real* c, size_t stride_c, real beta,
              real alpha) {
  View<Stored<Eigen::RowMajor> > y(c, length(m), length(n), Eigen::OuterStride<>(length(stride_c)));
  if (beta == 0)
    y.setZero();
  else
    y *= beta;
  seen(a, m, k, [&](const auto& left) {
    seen(b, k, n, [&](const auto& right) { y.noalias() += alpha * left * right; });
  });
}

#endif

}  // namespace gnomon
