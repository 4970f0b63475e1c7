// SPDX-License-Identifier: Apache-2.0
// What softmax.cl and cross_entropy.cl compute, the latter of class numbers, for rows of few logits (AXIS from 4 on): 16 rows
// at once, a row a lane. FORM 1: softmax, or (LOG) its logarithm; 2: the loss; 3: the gradient of the loss.
//
// Columns are vectors, transposed in registers as they come, so that the largest of a row, its sum, its logarithm and the
// logit of its class are one vector's for 16 rows; along rows each of these would cost more than the 16 exponentials.
// A work-item takes CHUNK rows, a multiple of 16. The last 16 rows of all overlap those before them, and only what is
// their own is stored; of fewer than 16 rows in all each is taken alone, as if it were 16. ACROSS: losses may be stored as
// vectors.

// Columns that are read at once; the last ones overlap those before them.
#if AXIS % 16
#define COLUMNS 4
#else
#define COLUMNS 16
#endif
#define LANES ((ROWS) < 16 ? 1 : 16)
#define OF_ROWS(V, name) ((ROWS) < 16 ? (V)(LOAD(1, name, base)) : LOAD(16, name, base))
#define LARGER(a, b) select(a, b, (b) > (a))
// Of the loss.
#define OFF (SMOOTHING / AXIS)
#define ON (1.0f - SMOOTHING + SMOOTHING / AXIS)
#if FORM == 1
#define SHORT_INPUTS TW_IN(logits)
#elif FORM == 2
#define SHORT_INPUTS TW_IN(logits), TW_IN(label)
#else
#define SHORT_INPUTS TW_IN(logits), TW_IN(label), TW_IN(dloss)
#endif

// Some columns of 16 rows, as vectors of rows; the first is element `at`, rows lie `pitch` apart.
static inline void KERNEL(columns)(__global const TW_STORAGE(logits) *logits, const int at, const int pitch, float16 *v)
{
#if COLUMNS == 16
    TILE_UNROLL for (int k = 0; k < 16; k++) v[k] = LOAD(16, logits, at + k * pitch);
    TILE_TRANSPOSE_SQUARE(float16, v);
#else
    TILE_UNROLL for (int k = 0; k < 4; k++)
        v[k] = (float16)(LOAD(4, logits, at + k * pitch), LOAD(4, logits, at + (k + 4) * pitch),
                         LOAD(4, logits, at + (k + 8) * pitch), LOAD(4, logits, at + (k + 12) * pitch));
    TILE_TRANSPOSE_QUARTERS(float16, v);
#endif
}

// The 16 results v of a row from column `block` on, of which the first is element `at`.
#define PUT_BLOCK(v, at, block)                                                                                       \
    if ((block) + 16 <= AXIS) {                                                                                       \
        EPILOGUE(16, v, at, block);                                                                                   \
    } else if (AXIS % 16) {                                                                                           \
        float lane[16];                                                                                               \
        vstore16(v, 0, lane);                                                                                         \
        int c = 0;                                                                                                    \
        TW_ROLLED                                                                                                     \
        for (; c + 4 <= AXIS % 16; c += 4)                                                                            \
            EPILOGUE(4, vload4(0, lane + c), (at) + c, (block) + c);                                                  \
        TW_ROLLED                                                                                                     \
        for (; c < AXIS % 16; c++)                                                                                    \
            EPILOGUE(1, lane[c], (at) + c, (block) + c);                                                              \
    }

TW_ENTRY KERNEL(softmax_short)(TW_N, SHORT_INPUTS EPILOGUE_PARAMS)
{
    USE_IN(logits);
#if FORM > 1
    USE_IN(label);
#endif
#if FORM == 3
    USE_IN(dloss);
#endif
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, ROWS), pitch = (ROWS) < 16 ? 0 : AXIS;
    TW_ROLLED
    for (int row = begin; row < end; row += LANES) {
        const int base = (ROWS) < 16 ? row : min(row, ROWS - 16), from = row - base, to = min(end - base, LANES);
#if FORM > 1
        const int16 number = OF_ROWS(int16, label), chosen = min(max(number, 0), AXIS - 1);
#endif
        float16 x[(AXIS + 15) / 16 * 16], high = -INFINITY, at_class = 0.0f;
        TW_ROLLED
        for (int block = 0; block < AXIS; block += COLUMNS) {
            const int c = min(block, AXIS - COLUMNS), at = base * AXIS + c;
            float16 v[COLUMNS];
            KERNEL(columns)(logits, at, pitch, v);
            TILE_UNROLL for (int k = 0; k < COLUMNS; k++)
            {
                x[c + k] = v[k];
#if FORM == 2
                at_class = select(at_class, v[k], chosen == c + k);
#endif
            }
            TILE_UNROLL for (int half_size = COLUMNS / 2; half_size > 0; half_size /= 2)
                TILE_UNROLL for (int k = 0; k < half_size; k++) v[k] = LARGER(v[k], v[k + half_size]);
            high = LARGER(high, v[0]);
        }
        float16 sum = 0.0f, all = 0.0f;
        TW_ROLLED
        for (int c = 0; c < AXIS; c++) {
            const float16 e = TW_EXP(16, x[c] - high);
            TW_PREFETCH(logits, (base + 32) * AXIS + 16 * c);
#if FORM != 2
            x[c] = LOG ? x[c] - high : e;
#elif SMOOTHED
            all += x[c] - high;
#endif
            sum += e;
        }
#if FORM != 2
#if FORM == 3
#if DLOSS_ONE
        const float16 d = LOAD(1, dloss, 0);
#else
        const float16 d = OF_ROWS(float16, dloss);
#endif
        const float16 scale = d / sum, on = d * ON, off = d * OFF;
#define RESULT(c) (x[c] * scale - select(off, on, chosen == (c)))
#elif LOG
        const float16 log_sum = TW_LOG(16, sum);
#define RESULT(c) (x[c] - log_sum)
#else
        const float16 scale = 1.0f / sum;
#define RESULT(c) (x[c] * scale)
#endif
        TW_ROLLED
        for (int block = 0; block < AXIS; block += 16) {
            float16 v[16];
            TILE_UNROLL for (int k = 0; k < 16; k++) v[k] = RESULT(block + k);
            TILE_TRANSPOSE_SQUARE(float16, v);
            TW_ROLLED
            for (int k = from; k < to; k++)
                PUT_BLOCK(v[k], (base + k) * AXIS + block, block)
        }
#else
#if SMOOTHED
        const float16 loss = TW_LOG(16, sum) - ((1.0f - SMOOTHING) * (at_class - high) + OFF * all);
#else
        const float16 loss = TW_LOG(16, sum) - (at_class - high);
#endif
        if (ACROSS && from == 0 && to == 16) {
            EPILOGUE(16, loss, base, base);
        } else {
            float lane[16];
            vstore16(loss, 0, lane);
            TW_ROLLED
            for (int k = from; k < to; k++)
                EPILOGUE(1, lane[k], base + k, (base + k) % LAST);
        }
#endif
    }
}
