// SPDX-License-Identifier: Apache-2.0
// Products for CPUs, element by element: where the number of columns follows the batch, so that no block of columns is
// known when the plan is made, and where so little is to be done that another launch, for packing b, would cost more.
// Strides as in matmul_simt.cl. Groups: (row, batch).
TW_ENTRY KERNEL(matmul_plain)(TW_N, TW_IN(a), TW_IN(b) EPILOGUE_PARAMS)
{
    USE_IN(a);
    USE_IN(b);
    const int row = tw_group(0), batch = tw_group(1), at = (A_INDEX) * ((M) * (K)) + row * (A_ROW);
    const int bt = (B_INDEX) * ((K) * (N));
    for (int col = 0; col < (N); col++) {
        float sum = 0;
        for (int k = 0; k < (K); k++)
            sum = LOAD(1, a, at + k * (A_COL)) * LOAD(1, b, bt + k * (B_ROW) + col * (B_COL)) + sum;
        EPILOGUE(1, sum, (batch * (M) + row) * (N) + col, col);
    }
}
