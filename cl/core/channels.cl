// SPDX-License-Identifier: Apache-2.0
// A factor and a term for each channel, the inputs `scale` and `shift` of norms, either of which may be absent: parameters
// (SCALE_PARAM, with the comma before it) and uses (SCALE_USE), v times the factor of channels c .. c + W - 1, and plus the term.
//
// scale_ABSENT is defined, as nothing, where the launch has no scale (tw_launch_in): so these names end in it, or do not.
// All take parentheses, behind which TW_CAT may be used again.
#define SCALE_PARAM TW_CAT(TW_SCALE_PARAM_, scale_ABSENT)()
#define TW_SCALE_PARAM_()
#define TW_SCALE_PARAM_scale_ABSENT() , TW_IN(scale)
#define SCALE_USE TW_CAT(TW_SCALE_USE_, scale_ABSENT)()
#define TW_SCALE_USE_()
#define TW_SCALE_USE_scale_ABSENT() USE_IN(scale)
#define SCALED(W, v, c) TW_CAT(TW_SCALED_, scale_ABSENT)(W, v, c)
#define TW_SCALED_(W, v, c) (v)
#define TW_SCALED_scale_ABSENT(W, v, c) ((v) * LOAD(W, scale, c))

#define SHIFT_PARAM TW_CAT(TW_SHIFT_PARAM_, shift_ABSENT)()
#define TW_SHIFT_PARAM_()
#define TW_SHIFT_PARAM_shift_ABSENT() , TW_IN(shift)
#define SHIFT_USE TW_CAT(TW_SHIFT_USE_, shift_ABSENT)()
#define TW_SHIFT_USE_()
#define TW_SHIFT_USE_shift_ABSENT() USE_IN(shift)
#define SHIFTED(W, v, c) TW_CAT(TW_SHIFTED_, shift_ABSENT)(W, v, c)
#define TW_SHIFTED_(W, v, c) (v)
#define TW_SHIFTED_shift_ABSENT(W, v, c) ((v) + LOAD(W, shift, c))
