// SPDX-License-Identifier: Apache-2.0
// The numbers VALUES of a model's text. A work-item takes CHUNK of the COUNT elements.
__constant VALUE KERNEL(values)[COUNT] = {VALUES};

TW_ENTRY KERNEL(constant)(TW_N EPILOGUE_PARAMS)
{
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, COUNT);
    for (int at = begin; at < end; at++) {
        const VALUE v = KERNEL(values)[at];
        EPILOGUE(1, v, at, at % LAST);
    }
}
