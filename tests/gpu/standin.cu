// Networks small enough to be written down, for a device that TensorRT does not run on: those of
// tests/engines/gpu/toy.py, number for number but for the last digit of sines. One row per blockIdx.y.

#define EACH(count)                                        \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;   \
    if (i >= (count)) return;                              \
    const size_t row = blockIdx.y;

extern "C" __global__ void toy_text(float* conditioning, const long long* ids, int tokens, int width) {
    EACH(tokens * width)
    const int token = i / width, k = i % width;
    const float id = (float)ids[row * tokens + token];
    conditioning[row * tokens * width + i] = sinf(0.37f * id * (float)(k + 1) + 0.11f * (float)k);
}

extern "C" __global__ void toy_encode(float* latents, const unsigned char* pixels, int channels, int h, int w) {
    EACH(channels * h * w)
    const int x = i % w, y = i / w % h, colour = i / (w * h) % 3;
    int sum = 0;
    for (int down = 0; down < 8; ++down)
        for (int right = 0; right < 8; ++right)
            sum += pixels[((row * h * 8 + y * 8 + down) * w * 8 + x * 8 + right) * 3 + colour];
    latents[row * channels * h * w + i] = (float)sum / 8160.0f - 1.0f;
}

extern "C" __global__ void toy_denoise(float* x0, float* x_next, const float* x, const float* conditioning, const float* t,
                                       const float* A, const float* B, const float* alpha_next, const float* sigma_next,
                                       const float* noise_next, const float* told, int tokens, int width, int channels,
                                       int h, int w) {
    EACH(channels * h * w)
    const int place = (i % w + 5 * (i / w % h) + 7 * (i / (w * h))) % width;
    float field = 0.0f;
    for (int token = 0; token < tokens; ++token) field += conditioning[(row * tokens + token) * width + place];
    field /= (float)tokens;
    const size_t at = row * channels * h * w + i;
    float out = 0.8f * cosf(0.3f * t[row]) * field + 0.2f * x[at];
    if (told) out += 0.05f * told[row];
    x0[at] = A[row] * x[at] + B[row] * out;
    x_next[at] = alpha_next[row] * x0[at] + sigma_next[row] * noise_next[at];
}

extern "C" __global__ void toy_decode(unsigned char* pixels, const float* latents, int channels, int h, int w) {
    EACH(h * 8 * w * 8 * 3)
    const int colour = i % 3, x = i / 3 % (w * 8), y = i / 3 / (w * 8);
    const float value = latents[((row * channels + colour) * h + y / 8) * w + x / 8];
    const float level = isfinite(value) ? value * 127.5f + 127.5f : 127.5f;
    pixels[row * h * 8 * w * 8 * 3 + i] = (unsigned char)rintf(fminf(fmaxf(level, 0.0f), 255.0f));
}

// work that takes as long as it is told, so that what lies beside it can be seen
extern "C" __global__ void toil(float* sink, int turns) {
    float value = 1.0f;
    for (int i = 0; i < turns; ++i) value = value * 0.999f + 0.001f * (float)(i & 3);
    if (threadIdx.x == 0) *sink = value;
}
