// CUDA C++ on a host: a kernel becomes a loop over its threads, so that what a GPU would compute can be looked at here.
// Included before a .cu file; `EXPORT(name)` behind it makes a kernel callable as the stub driver calls it.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
struct Index {
    unsigned x, y, z;
};
static Index blockIdx, blockDim, threadIdx, gridDim;
static inline float __fmul_rn(float a, float b) { volatile float product = a * b; return product; }
static inline float __fadd_rn(float a, float b) { volatile float sum = a + b; return sum; }
using std::isfinite;

template <class... A, std::size_t... I>
static void run_grid(void (*kernel)(A...), void** values, unsigned columns, unsigned rows, unsigned threads,
                     std::index_sequence<I...>) {
    gridDim = {columns, rows, 1};
    blockDim = {threads, 1, 1};
    for (unsigned y = 0; y < rows; ++y)
        for (unsigned x = 0; x < columns; ++x)
            for (unsigned i = 0; i < threads; ++i) {
                blockIdx = {x, y, 0};
                threadIdx = {i, 0, 0};
                kernel(*static_cast<A*>(values[I])...);
            }
}
template <class... A>
static void unpack(void (*kernel)(A...), void** values, unsigned columns, unsigned rows, unsigned threads) {
    run_grid(kernel, values, columns, rows, threads, std::index_sequence_for<A...>{});
}
template <class... A>
static int sizes(void (*)(A...), int* bytes) {
    int all[] = {static_cast<int>(sizeof(A))...};
    std::memcpy(bytes, all, sizeof all);
    return sizeof...(A);
}
#define EXPORT(name)                                                                                     \
    extern "C" void name##_on_host(void** values, unsigned columns, unsigned rows, unsigned threads) {   \
        unpack(name, values, columns, rows, threads);                                                    \
    }                                                                                                    \
    extern "C" int name##_sizes(int* bytes) { return sizes(name, bytes); }
