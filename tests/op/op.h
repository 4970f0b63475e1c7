// SPDX-License-Identifier: Apache-2.0
// An operator's tests are rows; one runner (op.c) makes of each row: the host reference's gradient against finite
// differences (both double), every kernel candidate of both families, forward and gradient, against the host
// reference, odd offsets, canaries around each output, and bitwise repeatability.
#ifndef TW_TESTS_OP_H
#define TW_TESTS_OP_H

typedef struct tw_op_row {
    /* One operator text, or several parted by ';', each on the results before it: later ones name them
     * ("y = dense(x) units=3; relu(y)": the grammar of model files, a line each). The last line's result is y. */
    const char *op;
    /* Inputs parted by ';': "x f32[n,7,5,3]; label i32[n] classes=4; w f32[3] range=0.5..2". Options:
     * range=LOW..HIGH (default -1..1), distinct=yes (values at least 0.05 apart: for max, sorting), away=0 (values at
     * least 0.05 away from that number: a kink), fixed=yes (no gradient is checked by it), grid=STEP (multiples of it: ties),
     * with=VALUE (nan, inf, 1e4: stands at every third place; up to four, in turn). Integers without classes: range as
     * well. With ties or special values the reference's gradient is not held against differences: kernels against the
     * reference alone. */
    const char *inputs;
    /* Of kernels, which compute in f32, against the reference: |a-b| <= tolerance * (1 + max|b|); 0: 2e-5. What is
     * stored as f16 or bf16 may be rounded once more: |b| * 2^-11 or 2^-8. */
    double tolerance;
    int batch;        /* n; 0: 3. The row is run at n, at 1, and with n below the plan's maximum */
    const char *sizes; /* other letters, "t=5" */
    int training;     /* expand for training (dropout, batch_norm) */
    int no_gradient;  /* the operator has none */
    int stream;       /* kernels write results of any size past the caches */
    int alternatives; /* the candidates of tuning as well, not the standard ones alone */
} tw_op_row;

int tw_op_main(int argc, char **argv, const char *name, const tw_op_row *rows, int count);

#define OP_TESTS(name, ...)                                                                        \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const tw_op_row rows[] = {__VA_ARGS__};                                             \
        return tw_op_main(argc, argv, name, rows, (int)(sizeof rows / sizeof *rows));              \
    }

#endif
