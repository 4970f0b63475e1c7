// SPDX-License-Identifier: Apache-2.0
// Pictures of nodes' values. With several nodes rows alternate: for each line of samples a row of
// the first node, below it one of the second, and so on.
#include "images.h"
#include "png_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    COLUMNS = 10, /* pictures a row; more only where the grid would be taller than wide */
    GAP = 2,      /* pixels between pictures */
    LEAST = 64,   /* pixels a side, for which small pictures are enlarged by a whole factor */
    WHITE = 255
};

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- what is to be drawn ---- */

static int split_names(cli_images *m, const char *names)
{
    if (strlen(names) >= sizeof m->text)
        return cli_fail(CLI_USAGE, "--images: the names are too long");
    char *at = strcpy(m->text, names);
    for (bool more = true; more; at++) {
        if (m->n_nodes == IMAGES_MOST_NAMES)
            return cli_fail(CLI_USAGE, "--images %s: give at most %d nodes", names,
                            (int)IMAGES_MOST_NAMES);
        m->name[m->n_nodes++] = at;
        at += strcspn(at, ",");
        more = *at == ',';
        *at = 0;
        if (!*m->name[m->n_nodes - 1])
            return cli_fail(CLI_USAGE, "--images %s: give names with a comma between them", names);
    }
    return CLI_DONE;
}

static int read_range(cli_images *m, const char *text)
{
    char *end = NULL;
    m->low = 0, m->high = 1;
    if (!text)
        return CLI_DONE;
    m->low = strtod(text, &end);
    if (end != text && *end == ',') {
        const char *second = end + 1;
        m->high = strtod(second, &end);
        if (end != second && !*end && isfinite(m->low) && isfinite(m->high) && m->low < m->high)
            return CLI_DONE;
    }
    return cli_fail(CLI_USAGE,
                    "--range %s: give two numbers, what is black and what is white, as in "
                    "--range -1,1",
                    text);
}

/* Values of shape [n,h,w,1] or [n,h,w,3], or grey ones of shape [n,h,w] or [n,h*h]. */
static bool is_picture(images_node *node, const tw_array *shape)
{
    const int64_t *dim = shape->dim;
    int64_t height = 0, width = 0;
    node->channels = shape->rank == 4 ? (int)dim[3] : 1;
    if (shape->rank == 2) {
        height = width = llround(sqrt((double)dim[1]));
        if (height * width != dim[1])
            return false;
    } else if (shape->rank == 3 || (shape->rank == 4 && (dim[3] == 1 || dim[3] == 3))) {
        height = dim[1], width = dim[2];
    }
    if (height < 1 || width < 1 || height > CLI_PNG_MOST || width > CLI_PNG_MOST)
        return false;
    node->height = (int)height;
    node->width = (int)width;
    return true;
}

static const char *shape_text(const tw_array *shape, char *text, size_t size)
{
    size_t at = (size_t)snprintf(text, size, "[n");
    for (int i = 1; i < shape->rank && at < size; i++)
        at += (size_t)snprintf(text + at, size - at, ",%lld", (long long)shape->dim[i]);
    if (at < size)
        (void)snprintf(text + at, size - at, "]");
    return text;
}

static int describe_node(cli_images *m, int index)
{
    tw_array shape;
    char text[200];
    images_node *node = &m->node[index];
    (void)tw_plan_output(m->plan, index, &shape);
    if (shape.rank == 0 || shape.dim[0] != m->count)
        return cli_fail(CLI_FAILED, "node %s is no picture: it has no value for each sample",
                        m->name[index]);
    if (!is_picture(node, &shape))
        return cli_fail(CLI_FAILED,
                        "node %s is no picture: its values are %s, and should be "
                        "[n,height,width,1 or 3], [n,height,width], or a square's [n,side*side]",
                        m->name[index], shape_text(&shape, text, sizeof text));
    node->type = shape.type;
    if (node->type != TW_F32 && node->type != TW_U8)
        return cli_fail(CLI_FAILED, "node %s is %s: pictures are drawn of f32 and u8; cast it",
                        m->name[index], tw_type_name(node->type));
    node->values = calloc((size_t)tw_array_count(&shape), tw_type_size(node->type));
    return node->values ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

int images_read(cli_images *m, const char *names, const char *range)
{
    *m = (cli_images){.plan = NULL};
    int code = cli_png_check();
    if (code == CLI_DONE)
        code = split_names(m, names);
    return code == CLI_DONE ? read_range(m, range) : code;
}

/* ---- the samples ---- */

/* The first samples of the data, which may be fewer than planned. */
static int take_samples(cli_images *m)
{
    tw_error error;
    int64_t n = 0;
    const void *const *columns = NULL;
    if (m->inputs.count == 0)
        return CLI_DONE;
    if (tw_dataset_start(m->inputs.data, m->count, false, 0, 0, &error) != TW_OK ||
        tw_dataset_next(m->inputs.data, &n, &columns, &error) != TW_OK)
        return cli_error(&error, NULL);
    m->count = n;
    for (int32_t i = 0; i < m->inputs.count; i++) {
        tw_array shape;
        (void)tw_plan_input(m->plan, i, &shape);
        shape.dim[0] = n;
        const size_t bytes = (size_t)tw_array_count(&shape) * tw_type_size(shape.type);
        if (!(m->input[i] = malloc(bytes + 1)))
            return cli_fail(CLI_FAILED, "out of memory");
        memcpy(m->input[i], columns[m->inputs.column[i]], bytes);
    }
    return CLI_DONE;
}

int images_open(cli_images *m, const cli_session *session, const cli_args *args, uint64_t seed,
                int64_t count, tw_dataset *data)
{
    tw_error error;
    const int64_t lines = most(COLUMNS / m->n_nodes, 1);
    m->count = count > 0 ? count : COLUMNS * lines;
    m->inputs.data = data;
    const tw_plan_options plan = {
        .batch = m->count, .sizes = session->sizes, .kernels = args->kernels, .seed = seed};
    if (tw_plan_create(session->params, m->n_nodes, m->name, &plan, &m->plan, &error) != TW_OK)
        return cli_error(&error, session->model);
    int code = CLI_DONE;
    for (int i = 0; i < m->n_nodes && code == CLI_DONE; i++)
        code = describe_node(m, i);
    if (code == CLI_DONE)
        code = cli_inputs_find(&m->inputs, m->plan, session);
    return code == CLI_DONE ? take_samples(m) : code;
}

/* ---- the grid ---- */

typedef struct canvas {
    int64_t columns, cell_width, cell_height, scale;
    int64_t width, height;
    int channels;
    unsigned char *pixels;
} canvas;

static int canvas_create(canvas *c, const cli_images *m)
{
    int64_t side = 1;
    *c = (canvas){.channels = 1};
    for (int i = 0; i < m->n_nodes; i++) {
        c->cell_width = most(c->cell_width, m->node[i].width);
        c->cell_height = most(c->cell_height, m->node[i].height);
        c->channels = (int)most(c->channels, m->node[i].channels);
    }
    while (side * side < m->count * m->n_nodes)
        side++;
    c->columns = most(side, COLUMNS);
    c->columns = c->columns < m->count ? c->columns : m->count;
    c->scale = most(LEAST / most(c->cell_width, c->cell_height), 1);
    const int64_t rows = (m->count - 1) / c->columns + 1;
    c->width = c->columns * (c->cell_width * c->scale + GAP) + GAP;
    c->height = rows * m->n_nodes * (c->cell_height * c->scale + GAP) + GAP;
    if (c->width > CLI_PNG_MOST || c->height > CLI_PNG_MOST)
        return cli_fail(CLI_FAILED,
                        "a picture of %lld samples would have %lld x %lld pixels: take fewer by "
                        "--samples",
                        (long long)m->count, (long long)c->width, (long long)c->height);
    const size_t bytes = (size_t)(c->width * c->height * c->channels);
    if (!(c->pixels = malloc(bytes)))
        return cli_fail(CLI_FAILED, "out of memory");
    memset(c->pixels, WHITE, bytes);
    return CLI_DONE;
}

/* Bytes as they are; numbers from low to high over 0 to 255, what lies outside at the nearer end,
 * NaN as 0. */
static unsigned char brightness(const cli_images *m, const images_node *node, int64_t at)
{
    if (node->type == TW_U8)
        return ((const unsigned char *)node->values)[at];
    const double value = (double)((const float *)node->values)[at];
    const double level = 255 * (value - m->low) / (m->high - m->low);
    if (!(level > 0))
        return 0;
    return level < 255 ? (unsigned char)(level + 0.5) : 255;
}

static void draw_sample(canvas *c, const cli_images *m, int index, int64_t sample)
{
    const images_node *node = &m->node[index];
    const int64_t row = sample / c->columns * m->n_nodes + index, column = sample % c->columns;
    const int64_t top = GAP + row * (c->cell_height * c->scale + GAP);
    const int64_t left = GAP + column * (c->cell_width * c->scale + GAP);
    for (int64_t y = 0; y < node->height * c->scale; y++)
        for (int64_t x = 0; x < node->width * c->scale; x++) {
            const int64_t from =
                (sample * node->height + y / c->scale) * node->width + x / c->scale;
            unsigned char *to = c->pixels + ((top + y) * c->width + left + x) * c->channels;
            for (int k = 0; k < c->channels; k++)
                to[k] = brightness(m, node, from * node->channels + k % node->channels);
        }
}

int images_draw(cli_images *m, const char *path)
{
    tw_error error;
    canvas c;
    const void *inputs[CLI_MOST_INPUTS];
    void *outputs[IMAGES_MOST_NAMES];
    for (int i = 0; i < m->n_nodes; i++)
        outputs[i] = m->node[i].values;
    memcpy(inputs, m->input, sizeof inputs);
    int code = canvas_create(&c, m);
    tw_plan_set_step(m->plan, 0);
    if (code == CLI_DONE && tw_plan_run(m->plan, m->count, inputs, outputs, &error) != TW_OK)
        code = cli_error(&error, NULL);
    for (int i = 0; i < m->n_nodes && code == CLI_DONE; i++)
        for (int64_t sample = 0; sample < m->count; sample++)
            draw_sample(&c, m, i, sample);
    if (code == CLI_DONE)
        code = cli_png_write(path, (int)c.width, (int)c.height, c.channels, c.pixels);
    free(c.pixels);
    return code;
}

void images_close(cli_images *m)
{
    tw_plan_destroy(&m->plan);
    for (int i = 0; i < CLI_MOST_INPUTS; i++)
        free(m->input[i]);
    for (int i = 0; i < m->n_nodes; i++)
        free(m->node[i].values);
    *m = (cli_images){.plan = NULL};
}
