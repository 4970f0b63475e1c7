// SPDX-License-Identifier: Apache-2.0
// einsum against its definition: loops over all letters, on the host device. (What it is made of is
// held against kernels by the rows of those operators.)
#include "harness.h"
#include <thalweg/thalweg.h>

#define MOST 4096 /* elements */

typedef struct sum {
    const char *equation; /* of the operator */
    const char *plain;    /* the same with "->" and without "..." */
    const char *a, *b;    /* sizes "3,4"; b NULL: one operand */
} sum;

typedef struct tensor {
    int rank, size[8], count;
    float data[MOST];
} tensor;

static void make(tensor *t, const char *sizes, int seed)
{
    t->rank = 0;
    t->count = 1;
    for (const char *at = sizes; at && *at; at += at[1] ? 2 : 1) {
        t->size[t->rank] = *at - '0';
        t->count *= t->size[t->rank++];
    }
    for (int i = 0; i < t->count; i++)
        t->data[i] = (float)((i * 37 + seed * 11) % 23) / 8 - 1;
}

/* The element at the letters' values; axes of size 1 stand for all. */
static double element(const tensor *t, const char *letters, const int *value)
{
    int at = 0;
    for (int d = 0; d < t->rank; d++)
        at = at * t->size[d] + (t->size[d] == 1 ? 0 : value[(int)letters[d]]);
    return t->data[at];
}

static void note_sizes(const tensor *t, const char *letters, int *size)
{
    for (int d = 0; d < t->rank; d++)
        if (size[(int)letters[d]] < t->size[d])
            size[(int)letters[d]] = t->size[d];
}

/* Adds up all products into the result; returns how many elements it has. */
static int define(const sum *s, const tensor *a, const tensor *b, double *y)
{
    const char *letters_b = s->b ? strchr(s->plain, ',') + 1 : "",
               *out = strstr(s->plain, "->") + 2;
    int size[128] = {0}, value[128] = {0}, count = 1;
    note_sizes(a, s->plain, size);
    if (s->b)
        note_sizes(b, letters_b, size);
    for (const char *c = out; *c; c++)
        count *= size[(int)*c];
    for (int i = 0; i < count; i++)
        y[i] = 0;
    for (bool more = true; more;) {
        int at = 0;
        for (const char *c = out; *c; c++)
            at = at * size[(int)*c] + value[(int)*c];
        y[at] += element(a, s->plain, value) * (s->b ? element(b, letters_b, value) : 1);
        more = false;
        for (int c = 0; c < 128 && !more; c++) {
            more = size[c] && ++value[c] < size[c];
            if (size[c] && !more)
                value[c] = 0;
        }
    }
    return count;
}

static void compute(const sum *s, const tensor *a, const tensor *b, float *y)
{
    static const char *const outputs[] = {"y"};
    char text[300];
    tw_context *context = NULL;
    tw_device *device = NULL;
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    tw_plan *plan = NULL;
    tw_error error;
    snprintf(text, sizeof text,
             "thalweg 1\na = parameter f32[%s]\nb = parameter f32[%s]\n%s equation=\"%s\"\n", s->a,
             s->b ? s->b : "1", s->b ? "y = einsum(a, b)" : "y = einsum(a)", s->equation);
    CHECK_OK(tw_context_create(NULL, &context, &error), error);
    CHECK_OK(tw_device_open(context, "host", &device, &error), error);
    CHECK_OK(tw_graph_parse(context, text, strlen(text), &graph, &error), error);
    if (!graph || !device)
        return;
    CHECK_OK(tw_params_create(graph, device, 1, &params, &error), error);
    CHECK_OK(tw_params_set(params, "a", a->data, sizeof(float) * (size_t)a->count, &error), error);
    if (s->b)
        CHECK_OK(tw_params_set(params, "b", b->data, sizeof(float) * (size_t)b->count, &error),
                 error);
    CHECK_OK(tw_plan_create(params, 1, outputs, NULL, &plan, &error), error);
    CHECK_OK(tw_plan_run(plan, 1, NULL, (void *[]){y}, &error), error);
    tw_plan_destroy(&plan);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static void check_sums(const sum *sums, int count)
{
    static tensor a, b;
    static double want[MOST];
    static float got[MOST];
    for (int i = 0; i < count; i++) {
        const int failures = tw_failures;
        make(&a, sums[i].a, 1);
        make(&b, sums[i].b, 2);
        const int elements = define(&sums[i], &a, &b, want);
        compute(&sums[i], &a, &b, got);
        for (int e = 0; e < elements; e++)
            CHECK_NEAR(got[e], want[e], 1e-4);
        if (tw_failures > failures)
            printf("# above: %s\n", sums[i].equation);
    }
}

#define SUMS(...)                                                                                  \
    static const sum sums[] = {__VA_ARGS__};                                                       \
    check_sums(sums, (int)(sizeof sums / sizeof *sums))

static void one_operand(void)
{
    SUMS({"nij->nji", "nij->nji", "2,3,4", NULL}, {"nij->jn", "nij->jn", "2,3,4", NULL},
         {"...->", "ij->", "3,4", NULL}, {"i...->...i", "ijk->jki", "2,3,4", NULL},
         {"nii->ni", "nii->ni", "2,3,3", NULL}, {"ii->", "ii->", "4,4", NULL},
         {"ijik", "ijik->jk", "3,2,3,4", NULL}, {"iii->i", "iii->i", "3,3,3", NULL},
         {"ijij->ji", "ijij->ji", "3,2,3,2", NULL}, {"ba", "ba->ab", "2,3", NULL},
         {"Zb", "Zb->Zb", "2,3", NULL}, {"ii->i", "ii->i", "1,1", NULL});
}

static void products(void)
{
    SUMS({"nij,njk->nik", "nij,njk->nik", "2,3,4", "2,4,5"},
         {"nthd,nshd->nhts", "nthd,nshd->nhts", "2,3,2,5", "2,4,2,5"},
         {"nhts,nshd->nthd", "nhts,nshd->nthd", "2,2,3,4", "2,4,2,5"},
         {"nti,ihd->nthd", "nti,ihd->nthd", "2,3,5", "5,2,3"},
         {"nthd,hdo->nto", "nthd,hdo->nto", "2,3,2,5", "2,5,4"},
         {"ij,nkj->nki", "ij,nkj->nki", "3,5", "2,4,5"}, {"ni,nj", "ni,nj->ij", "2,3", "2,5"},
         {"ij,jk->ki", "ij,jk->ki", "2,3", "3,5"}, {"ji,kj", "ji,kj->ik", "3,2", "4,3"},
         {"nijk,kjl->nli", "nijk,kjl->nli", "2,3,2,4", "4,2,5"},
         {"nijk,njkl->nil", "nijk,njkl->nil", "2,3,2,4", "2,2,4,5"},
         {"xi,iy->yx", "xi,iy->yx", "2,3", "3,4"});
}

static void by_element(void)
{
    SUMS({"ni,nj->nij", "ni,nj->nij", "2,3", "2,5"}, {"ni,j->jn", "ni,j->jn", "2,3", "5"},
         {"nij,nji->n", "nij,nji->n", "2,3,4", "2,4,3"}, {"i,i->", "i,i->", "5", "5"},
         {"i,j->", "i,j->", "3", "4"}, {"ij,ij->ji", "ij,ij->ji", "3,4", "3,4"},
         {"nii,ik->nk", "nii,ik->nk", "2,3,3", "3,4"});
}

static void repeated(void)
{
    SUMS({"...ij,...jk->...ik", "abij,bjk->abik", "2,3,3,4", "3,4,5"},
         {"...ij,...jk->...ik", "abij,abjk->abik", "2,1,3,4", "2,3,4,2"},
         {"nij,njk->nik", "nij,njk->nik", "2,3,1", "2,4,5"}, {"ij,ij->i", "ij,ij->i", "1,4", "3,4"},
         {"...i,...i", "abi,bi->ab", "2,3,4", "3,4"}, {"i...,j->j...", "iab,j->jab", "2,3,2", "4"});
}

TESTS(T(one_operand), T(products), T(by_element), T(repeated))
