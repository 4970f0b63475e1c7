// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: exit codes, options, error lines, opening what the options name.
#ifndef THALWEG_CLI_CLI_H
#define THALWEG_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <thalweg/thalweg.h>

enum { CLI_DONE = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NO_DEVICE = 3, CLI_INTERRUPTED = 130 };

#define CLI_OPERANDS 32 /* at most; several with --ops alone */

/* Every option of every subcommand; each has a table of those that it takes. */
typedef struct cli_args {
    const char *operand; /* MODEL.tw, DIR or NAME: the first of the operands */
    const char *operands[CLI_OPERANDS];
    int n_operands;
    const char *data, *test, *out, *resume, *device, *kernels, *weights, *node;
    const char *sizes;                             /* "t=64,s=10" */
    const char *images;                            /* "NAME,NAME" */
    const char *range;                             /* "LOW,HIGH" */
    const char *keep;                              /* "best", "last" */
    const char *shuffle;                           /* "yes", "no" */
    int64_t epochs, batch, steps, patience, folds; /* 0: not given */
    int64_t samples;
    const char *text;      /* the prompt */
    int64_t length, top_k; /* 0: not given */
    double temperature;    /* 1 by default */
    uint64_t seed;
    bool seed_given;
    double split;
    const char *against; /* a file that bench --ops --json wrote */
    double seconds;      /* 120 by default */
    bool partial, json, summary, memory, ops, forget, candidates, help;
} cli_args;

typedef enum cli_type {
    CLI_FLAG,
    CLI_TEXT,
    CLI_COUNT,    /* whole number from 1 */
    CLI_SEED,     /* whole number from 0 */
    CLI_FRACTION, /* above 0, below 1 */
    CLI_NUMBER,   /* from 0 */
    CLI_CHOICE    /* one of the words of `value`: "best|last" */
} cli_type;

typedef struct cli_option {
    const char *name; /* "--data" */
    cli_type type;
    size_t offset;     /* of its field in cli_args */
    const char *value; /* what --help calls it: "SPEC"; NULL for flags */
    const char *doc;
} cli_option;

/* Options end with a NULL name. */
typedef struct cli_command {
    const char *name;
    const char *operand; /* "MODEL.tw", "[NAME]"; "": none */
    const char *doc;     /* one line */
    const char *more;    /* further lines of --help, or NULL */
    const cli_option *options;
    int (*run)(const cli_args *args);
} cli_command;

extern const cli_command cli_devices, cli_train, cli_eval, cli_predict, cli_bench, cli_ops,
    cli_print, cli_tune;

#define CLI_OPTION_DEVICE                                                                          \
    {                                                                                              \
        "--device", CLI_TEXT, offsetof(cli_args, device), "SEL",                                   \
            "host, PLATFORM:DEVICE by number, or a part of a name (also $THALWEG_DEVICE)"          \
    }
#define CLI_OPTION_KERNELS                                                                         \
    {                                                                                              \
        "--kernels", CLI_CHOICE, offsetof(cli_args, kernels), "simd|simt|host",                    \
            "kernel family (also $THALWEG_KERNELS; default: by device)"                            \
    }
#define CLI_OPTION_JSON                                                                            \
    {                                                                                              \
        "--json", CLI_FLAG, offsetof(cli_args, json), NULL, "one JSON object a line"               \
    }
#define CLI_OPTION_IMAGES(doc)                                                                     \
    {                                                                                              \
        "--images", CLI_TEXT, offsetof(cli_args, images), "NAME,...", doc                          \
    }
#define CLI_OPTION_RANGE                                                                           \
    {                                                                                              \
        "--range", CLI_TEXT, offsetof(cli_args, range), "LOW,HIGH",                                \
            "values that pictures show black and white (default 0,1; a tanh wants -1,1)"               \
    }
#define CLI_OPTION_SIZES                                                                           \
    {                                                                                              \
        "--sizes", CLI_TEXT, offsetof(cli_args, sizes), "t=64,...",                                \
            "sizes of the model's letters (default: the run's, and the data's)"                    \
    }
#define CLI_OPTION_END                                                                             \
    {                                                                                              \
        NULL, CLI_FLAG, 0, NULL, NULL                                                              \
    }

/* Parses what follows the subcommand. Returns CLI_DONE, or CLI_USAGE after a line on stderr. */
int cli_parse(const cli_command *command, int argc, char **argv, cli_args *args);
void cli_help(const cli_command *command);
/* How far a word is from another: letters to change, add or leave out. */
size_t cli_distance(const char *a, const char *b);

/* One line on stderr, "thalweg: ...". Returns the exit code: code itself. */
int cli_fail(int code, const char *format, ...) TW_PRINTF(2, 3);
/* The same for an error of the library: NO_DEVICE becomes exit code 3. Errors with a line are shown
 * as file:line:column with the offending line, when model (a path) is not NULL. */
int cli_error(const tw_error *error, const char *model);

/* Whether a path is there, and whether it is a folder. */
bool cli_exists(const char *path);
bool cli_is_folder(const char *path);

/* What most subcommands open in turn. close accepts what was not opened. */
typedef struct cli_session {
    tw_context *context;
    tw_graph *graph;
    tw_device *device;
    tw_params *params;
    tw_preparation *preparation; /* what the run's folder tells of its data; NULL: no folder */
    char sizes[1024];   /* of the model's letters, for every plan: told, remembered, the data's */
    char folder[4096];  /* of the run, "": none */
    char model[4096];   /* path of the model text */
    char weights[4096]; /* of its weights, "": none */
} cli_session;
/* Finds model and weights: operand is a .tw file, or the folder of a run. */
int cli_find_model(const cli_args *args, cli_session *session);
int cli_open_context(cli_session *session);
/* Reads the model, opens the device, makes the parameters and loads weights into them. */
int cli_open(const cli_args *args, uint64_t seed, cli_session *session);
/* Loads the weights that were found into the parameters. */
int cli_load_weights(const cli_args *args, cli_session *session);
/* cli_find_model, cli_open_context and cli_open in turn. */
int cli_open_model(const cli_args *args, cli_session *session);
/* The same; refuses a model that has weights, but of which none are given. */
int cli_open_trained(const cli_args *args, cli_session *session);
/* Opens data for what the nodes of these names need (count 0: all inputs), read as those of the
 * run were, and takes sizes of letters from them. */
int cli_open_data(const cli_args *args, cli_session *session, const char *spec, int32_t count,
                  const char *const *outputs, tw_dataset **data);
void cli_close(cli_session *session);

/* "..." with JSON's escapes. */
void cli_json_text(FILE *out, const char *text);
/* A number as JSON: null where it is not finite. */
void cli_json_number(FILE *out, double value);
double cli_seconds(void); /* of a clock that never goes back */

#endif
