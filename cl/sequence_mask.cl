// SPDX-License-Identifier: Apache-2.0
// y[i, s] = s < lengths[i], for COUNT elements in rows of SIZE. A work-item takes CHUNK of them.
TW_ENTRY KERNEL(sequence_mask)(TW_N, TW_IN(lengths) EPILOGUE_PARAMS)
{
    USE_IN(lengths);
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, COUNT);
    for (int at = begin; at < end; at++) {
        const int v = at % SIZE < LOAD(1, lengths, at / SIZE);
        EPILOGUE(1, v, at, at % SIZE);
    }
}
