// What a tick does beside the student's networks, one row per blockIdx.y: open a row's latents and close them.
// Products and sums are rounded one by one, never fused, so that these are the numbers of the engines on the host.
// `length` is the elements of one row's latents; a place of -1 means none.

// x = opened latents of a job between two steps, else a_z * noise + a_img * encoded picture; 0 for a row of nothing.
// Of a job with a mask the encoded picture is kept, too.
extern "C" __global__ void open_rows(float* x, int* unsound, float* originals,                        // written
                                     const float* a_img, const float* a_z,                            // [rows]
                                     const int* opened, const int* encoded, const int* noise,         // [rows]: places in
                                     const int* masked,                                               // likewise
                                     const float* slots, const float* pictures, const float* noises,  // [.., length]
                                     int length) {
    const int row = blockIdx.y;
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i == 0) unsound[row] = 0;
    if (i >= length) return;
    float value = 0.0f;
    if (opened[row] >= 0) {
        value = slots[(size_t)opened[row] * length + i];
    } else if (noise[row] >= 0) {
        value = __fmul_rn(a_z[row], noises[(size_t)noise[row] * length + i]);
        if (encoded[row] >= 0) {
            const float picture = pictures[(size_t)encoded[row] * length + i];
            value = __fadd_rn(value, __fmul_rn(a_img[row], picture));
            if (masked[row] >= 0) originals[(size_t)masked[row] * length + i] = picture;
        }
    }
    x[(size_t)row * length + i] = value;
}

// of a row that is done, x0 to its place before the decoder; of one that goes on, x0 re-noised to the job's slot. Of a job
// with a mask x0 is first what is kept of its picture, at the level where the step lands, where the mask's weight is 0, itself
// where that is 1, and between them so much of each
extern "C" __global__ void close_rows(float* decoding, float* slots, int* unsound,                     // written
                                      const float* x0,                                                 // [rows, length]
                                      const float* alpha_next, const float* sigma_next,                // [rows]
                                      const float* keep_img, const float* keep_z,                      // [rows]
                                      const int* decoded, const int* kept, const int* noise_next,      // [rows]: places in
                                      const int* masked, const int* keep_noise,                        // likewise
                                      const float* noises,                                             // [.., length]
                                      const float* masks, const float* originals,                      // [.., length]
                                      int length) {
    const int row = blockIdx.y;
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    float value = x0[(size_t)row * length + i];
    if (!isfinite(value)) unsound[row] = 1;  // all who write, write the same
    if (masked[row] >= 0) {
        const float weight = masks[(size_t)masked[row] * length + i];
        float picture = __fmul_rn(keep_img[row], originals[(size_t)masked[row] * length + i]);
        if (keep_noise[row] >= 0)
            picture = __fadd_rn(picture, __fmul_rn(keep_z[row], noises[(size_t)keep_noise[row] * length + i]));
        if (weight <= 0.0f)
            value = picture;
        else if (weight < 1.0f)
            value = __fadd_rn(picture, __fmul_rn(weight, __fadd_rn(value, -picture)));
    }
    if (decoded[row] >= 0) decoding[(size_t)decoded[row] * length + i] = value;
    if (kept[row] >= 0)
        slots[(size_t)kept[row] * length + i] =
            __fadd_rn(__fmul_rn(alpha_next[row], value),
                      __fmul_rn(sigma_next[row], noises[(size_t)noise_next[row] * length + i]));
}
