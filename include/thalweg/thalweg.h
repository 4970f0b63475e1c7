// SPDX-License-Identifier: Apache-2.0
// Everything that thalweg offers, but opencl.h (for those who share OpenCL objects).
#ifndef THALWEG_THALWEG_H
#define THALWEG_THALWEG_H

#include <thalweg/array.h>
#include <thalweg/context.h>
#include <thalweg/data.h>
#include <thalweg/device.h>
#include <thalweg/graph.h>
#include <thalweg/plan.h>
#include <thalweg/status.h>
#include <thalweg/train.h>
#include <thalweg/tune.h>

#endif
