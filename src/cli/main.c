// SPDX-License-Identifier: Apache-2.0
// The command: finds the subcommand and lets it run.
#include <string.h>

#include "cli.h"

static const cli_command *const commands[] = {&cli_devices, &cli_train, &cli_eval, &cli_predict,
                                              &cli_bench,   &cli_ops,   &cli_print, &cli_tune};
#define COMMANDS ((int)(sizeof commands / sizeof *commands))

static void overview(void)
{
    printf("thalweg %s: trains and runs neural networks on any OpenCL device\n\n", tw_version());
    for (int i = 0; i < COMMANDS; i++)
        printf("  thalweg %-8s %-18s %s\n", commands[i]->name, commands[i]->operand,
               commands[i]->doc);
    printf("\nthalweg COMMAND --help lists a command's options.\n\n"
           "SPEC, where data come from:\n"
           "  idx:DIR:train|test      MNIST's files, plain or gzipped\n"
           "  cifar10:DIR:train|test  CIFAR-10's binary batches\n"
           "  npy:X.npy,Y.npy         NumPy arrays, one for each input of the model\n"
           "  csv:FILE,label=COLUMN   numbers with a header line; a series: ,window=ROWS\n"
           "  text:FILE,length=T      windows of T characters\n"
           "  random                  random numbers that fit the model's inputs\n\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no usable device, 130 interrupted.\n");
}

static const cli_command *find(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown(const char *name)
{
    const char *near = NULL;
    size_t least = 3;
    for (int i = 0; i < COMMANDS; i++)
        if (cli_distance(name, commands[i]->name) < least) {
            least = cli_distance(name, commands[i]->name);
            near = commands[i]->name;
        }
    if (near)
        return cli_fail(CLI_USAGE, "there is no command \"%s\": did you mean %s?", name, near);
    return cli_fail(
        CLI_USAGE,
        "there is no command \"%s\": there are devices, train, eval, predict, bench, ops, print "
        "and tune",
        name);
}

/* thalweg help [COMMAND] */
static int help(int argc, char **argv)
{
    const cli_command *command = argc > 0 ? find(argv[0]) : NULL;
    if (argc > 0 && !command)
        return unknown(argv[0]);
    if (command)
        cli_help(command);
    else
        overview();
    return CLI_DONE;
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_args args;
    const int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_DONE)
        return code;
    if (args.help) {
        cli_help(command);
        return CLI_DONE;
    }
    return command->run(&args);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        overview();
        return CLI_USAGE;
    }
    int code = CLI_DONE;
    const cli_command *command = find(argv[1]);
    if (command)
        code = run(command, argc - 2, argv + 2);
    else if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
             strcmp(argv[1], "help") == 0)
        code = help(argc - 2, argv + 2);
    else if (strcmp(argv[1], "--version") == 0)
        printf("thalweg %s\n", tw_version());
    else
        code = unknown(argv[1]);
    if (fflush(stdout) != 0 || ferror(stdout))
        code = cli_fail(CLI_FAILED, "the output could not be written");
    return code;
}
