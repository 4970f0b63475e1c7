// SPDX-License-Identifier: Apache-2.0
// A machine without OpenCL: the ICD loader is shown an empty folder. A program of its own, because
// the loader looks once.
#include "device/device.h"
#include "harness.h"
#include <unistd.h>

static tw_error error;

static void no_platform(void)
{
    char folder[] = "/tmp/tw_test_none_XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    setenv("OCL_ICD_VENDORS", folder, 1);
    unsetenv("OCL_ICD_FILENAMES");
    unsetenv("THALWEG_DEVICE");
    tw_context *context;
    CHECK_OK(tw_context_create(&(tw_context_options){.cache_folder = ""}, &context, &error), error);
    int32_t count = -1;
    tw_device_info info;
    CHECK_OK(tw_device_list(context, &info, 1, &count, &error), error);
    if (count > 0) {
        printf("# OpenCL comes without an ICD loader here: '%s' is there always\n", info.name);
    } else {
        CHECK(count == 0);
        tw_device *device = NULL;
        CHECK(tw_device_open(context, NULL, &device, &error) == TW_ERROR_NO_DEVICE &&
              error.code == TW_ERROR_NO_DEVICE);
        CHECK_HAS(error.text, "no OpenCL device was found");
        CHECK_HAS(error.text, "install");
        CHECK_HAS(error.text, "'host'");
        CHECK(tw_device_open(context, "gpu", &device, &error) == TW_ERROR_NO_DEVICE);
        CHECK_HAS(error.text, "'gpu' was asked for");
        CHECK(tw_device_open(context, "0:0", &device, &error) == TW_ERROR_NO_DEVICE);
        CHECK(device == NULL);
        CHECK_OK(tw_device_open(context, "host", &device, &error), error);
        tw_device_destroy(&device);
    }
    tw_context_destroy(&context);
    CHECK(rmdir(folder) == 0);
}

TESTS(T(no_platform))
