// SPDX-License-Identifier: Apache-2.0
// What a recurrence and its gradient share: their cells, and vectors of a row of U units.
#define RNN 0
#define LSTM 1
#define GRU 2
#define GRU_BEFORE 3

// Vectors at the end of a row of U elements hold fewer than VW.
#if U % VW
#define GET(name, at) TW_CAT(tw_load_part_, VW)(name + (at), U - col)
#define PUT(name, at, v) TW_CAT(tw_store_part_, VW)(name + (at), U - col, v)
#else
#define GET(name, at) LOAD(VW, name, at)
#define PUT(name, at, v) STORE(VW, name, at, v)
#endif
