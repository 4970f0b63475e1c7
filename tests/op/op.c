// SPDX-License-Identifier: Apache-2.0
// Makes of each row: gradient against differences, every candidate against the reference, canaries, repeatability.
#include "op/op.h"
typedef int tw_soon;
