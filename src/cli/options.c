// SPDX-License-Identifier: Apache-2.0
// Options of a subcommand, by its table.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const cli_option *find(const cli_command *command, const char *name, size_t length)
{
    for (const cli_option *o = command->options; o->name; o++)
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0)
            return o;
    return NULL;
}

/* Number of edits between two words; words are short. */
size_t cli_distance(const char *a, const char *b)
{
    size_t row[40];
    const size_t n = strlen(b);
    if (n >= 40)
        return n;
    for (size_t k = 0; k <= n; k++)
        row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < n; k++) {
            const size_t best = row[k] < row[k + 1] ? row[k] + 1 : row[k + 1] + 1;
            const size_t kept = corner + (a[i] != b[k]);
            corner = row[k + 1];
            row[k + 1] = kept < best ? kept : best;
        }
    }
    return row[n];
}

static int unknown(const cli_command *command, const char *name)
{
    const char *near = NULL;
    size_t least = 3;
    for (const cli_option *o = command->options; o->name; o++)
        if (cli_distance(name, o->name) < least) {
            least = cli_distance(name, o->name);
            near = o->name;
        }
    if (near)
        return cli_fail(CLI_USAGE, "%s has no option %s: did you mean %s?", command->name, name,
                        near);
    return cli_fail(CLI_USAGE, "%s has no option %s: see thalweg %s --help", command->name, name,
                    command->name);
}

static bool choice_has(const char *choices, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = choices; length > 0; at++) {
        const size_t size = strcspn(at, "|");
        if (size == length && memcmp(at, word, length) == 0)
            return true;
        at += size;
        if (!*at)
            break;
    }
    return false;
}

static bool whole_number(const char *text, uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    *value = strtoull(text, &end, 10);
    return !*end && errno == 0;
}

static int set_count(const cli_option *o, const char *text, int64_t *target)
{
    uint64_t value = 0;
    if (!whole_number(text, &value) || value < 1 || value > 1000000000000u)
        return cli_fail(CLI_USAGE, "%s %s: give a whole number of at least 1", o->name, text);
    *target = (int64_t)value;
    return CLI_DONE;
}

static int set_fraction(const cli_option *o, const char *text, double *target)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0 && value < 1))
        return cli_fail(CLI_USAGE, "%s %s: give a number above 0 and below 1", o->name, text);
    *target = value;
    return CLI_DONE;
}

static int set_number(const cli_option *o, const char *text, double *target)
{
    char *end = NULL;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= 0 && value <= 1e6))
        return cli_fail(CLI_USAGE, "%s %s: give a number from 0", o->name, text);
    *target = value;
    return CLI_DONE;
}

static int set(const cli_option *o, const char *text, cli_args *args)
{
    void *field = (char *)args + o->offset;
    switch (o->type) {
    case CLI_FLAG:
        *(bool *)field = true;
        return CLI_DONE;
    case CLI_TEXT:
        if (!*text)
            return cli_fail(CLI_USAGE, "%s is empty: give %s", o->name, o->value);
        *(const char **)field = text;
        return CLI_DONE;
    case CLI_COUNT:
        return set_count(o, text, field);
    case CLI_SEED:
        args->seed_given = true;
        if (!whole_number(text, field))
            return cli_fail(CLI_USAGE, "%s %s: give a whole number from 0", o->name, text);
        return CLI_DONE;
    case CLI_FRACTION:
        return set_fraction(o, text, field);
    case CLI_NUMBER:
        return set_number(o, text, field);
    case CLI_CHOICE:
        if (!choice_has(o->value, text))
            return cli_fail(CLI_USAGE, "%s %s: give one of %s", o->name, text, o->value);
        *(const char **)field = text;
        return CLI_DONE;
    }
    return CLI_DONE;
}

/* One option at argv[*at], as "--name value" or "--name=value". */
static int parse_option(const cli_command *command, int argc, char **argv, int *at, cli_args *args)
{
    const char *word = argv[*at], *equals = strchr(word, '=');
    const size_t length = equals ? (size_t)(equals - word) : strlen(word);
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        args->help = true;
        return CLI_DONE;
    }
    const cli_option *o = find(command, word, length);
    if (!o)
        return unknown(command, word);
    if (o->type == CLI_FLAG)
        return equals ? cli_fail(CLI_USAGE, "%s takes no value", o->name) : set(o, "", args);
    if (equals)
        return set(o, equals + 1, args);
    if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0) /* --name=--value is taken */
        return cli_fail(CLI_USAGE, "%s needs a value: %s", o->name, o->value);
    return set(o, argv[++*at], args);
}

static int surplus(const cli_command *command, const char *word)
{
    return cli_fail(CLI_USAGE, "%s does not know what to do with \"%s\": see thalweg %s --help",
                    command->name, word, command->name);
}

int cli_parse(const cli_command *command, int argc, char **argv, cli_args *args)
{
    *args = (cli_args){.temperature = 1, .seconds = 120};
    for (int i = 0; i < argc && !args->help; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            const int code = parse_option(command, argc, argv, &i, args);
            if (code != CLI_DONE)
                return code;
        } else if (args->n_operands == (command->operand[0] ? CLI_OPERANDS : 0)) {
            return surplus(command, argv[i]);
        } else {
            args->operands[args->n_operands++] = argv[i];
        }
    }
    args->operand = args->operands[0];
    if (args->n_operands > 1 && !args->ops && !args->help)
        return surplus(command, args->operands[1]);
    return CLI_DONE;
}

void cli_help(const cli_command *command)
{
    printf("thalweg %s%s%s%s\n\n%s.\n", command->name, command->operand[0] ? " " : "",
           command->operand, command->options->name ? " [option ...]" : "", command->doc);
    if (command->more)
        printf("%s\n", command->more);
    printf("\n");
    for (const cli_option *o = command->options; o->name; o++) {
        char left[80];
        (void)snprintf(left, sizeof left, "%s%s%s", o->name, o->value ? " " : "",
                       o->value ? o->value : "");
        printf("  %-26s %s\n", left, o->doc);
    }
    printf("  %-26s %s\n", "--help", "this text");
}
