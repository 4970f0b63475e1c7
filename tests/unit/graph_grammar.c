// SPDX-License-Identifier: Apache-2.0
// The grammar: texts that parse and print back, and the sentence for each text that does not.
#include "graph_ops.h"

/* print(parse(text)) must be `printed`, and printing what that parses to must change nothing. */
static void round_trip(const char *text, const char *printed)
{
    tw_context *context = test_context();
    tw_error error;
    for (int turn = 0; turn < 2; turn++) {
        tw_graph *g = parsed(context, turn ? printed : text);
        char *got = NULL;
        if (g)
            CHECK_OK(tw_graph_print(g, &got, &error), error);
        CHECK_TEXT(got, printed);
        tw_text_free(context, &got);
        tw_graph_destroy(&g);
    }
    tw_context_destroy(&context);
}

static void prints_inputs_and_chains(void)
{
    round_trip("# a comment\r\n\nthalweg 1 # version\n"
               "image = input f32[n, 28,2t*v,1]   # sizes\n"
               "scale factor=1e-3 mode=hard\n"
               "\tscale kernel=3,5 on=no into=bf16\n"
               "scale note=\"a \\\"b\\\" c\" count=-4\n"
               "scale note=plain",
               "thalweg 1\n"
               "image = input f32[n,28,2t*v,1]\n"
               "scale_1 = scale(image) factor=0.001 mode=hard\n"
               "scale_2 = scale(scale_1) kernel=3,5 on=no into=bf16\n"
               "scale_3 = scale(scale_2) note=\"a \\\"b\\\" c\" count=-4\n"
               "scale_4 = scale(scale_3) note=plain\n");
    round_trip("\xef\xbb\xbfthalweg 1", "thalweg 1\n");
}

static void prints_labels_and_scalars(void)
{
    round_trip("thalweg 1\nlabel = input i32[n] classes=10\ns=input f32[]\nfill value=-inf\n"
               "fill = fill value=3",
               "thalweg 1\nlabel = input i32[n] classes=10\ns = input f32[]\n"
               "fill_1 = fill value=-inf\nfill = fill value=3\n");
}

static void prints_weights_where_needed(void)
{
    round_trip("thalweg 1\nx = input f32[n,8]\naffine units=8 init=he_normal l2=0.01\n"
               "tied = affine(x, affine_1.weight) units=8\n"
               "affine units=8 bias=no trainable=no\n"
               "w = parameter f32[8,3] init=zeros trainable=no lr=0.1\n"
               "logits = affine(x, w) units=3\naffine(x, bias=affine_1.bias) units=8",
               "thalweg 1\nx = input f32[n,8]\n"
               "affine_1 = affine(x) units=8 init=he_normal l2=0.01\n"
               "tied = affine(x, affine_1.weight) units=8\n"
               "affine_2 = affine(tied) units=8 bias=no trainable=no\n"
               "w = parameter f32[8,3] init=zeros trainable=no lr=0.1\n"
               "logits = affine(x, w) units=3\n"
               "affine_3 = affine(x, bias=affine_1.bias) units=8\n");
}

static void weights_follow_their_owner(void)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[n,4]\n"
                                  "d = affine units=3 init=ones bias_init=uniform l1=0.5\n"
                                  "affine units=2 trainable=no\n");
    if (g) {
        const tw_call *weight = tw_graph_find(g, "d.weight")->call;
        const tw_call *bias = tw_graph_find(g, "d.bias")->call;
        CHECK(tw_is_parameter(weight) && tw_parameter_trainable(weight));
        CHECK(tw_attr_is(weight, "init", "ones") && tw_attr_is(bias, "init", "uniform"));
        CHECK(tw_attr_float(weight, "l1") == 0.5 && tw_attr_float(bias, "l1") == 0);
        CHECK(!tw_parameter_trainable(tw_graph_find(g, "affine_1.bias")->call));
        int64_t dim[TW_MAX_RANK];
        CHECK(tw_node_shape(tw_graph_find(g, "d.weight"), dim) == 2 && dim[0] == 4 && dim[1] == 3);
        CHECK(tw_node_shape(tw_graph_find(g, "d"), dim) == 2 && dim[0] == -1 && dim[1] == 3);
    }
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void prints_several_results(void)
{
    round_trip("thalweg 1\nx = input f32[n]\ncell\ny, h = cell(x)\na, b, c = cell(y)\n"
               "join(cell_1.h, h, y.c, c)\npick(x, other=h)",
               "thalweg 1\nx = input f32[n]\ncell_1 = cell(x)\ny, h = cell(x)\n"
               "a, b, c = cell(y)\njoin_1 = join(cell_1.h, h, y.c, c)\n"
               "pick_1 = pick(x, other=h)\n");
}

static void blocks_share_weights(void)
{
    round_trip("thalweg 1\nimage = input f32[n,8]\nfake = input f32[n,8]\n"
               "block disc(x)\n  affine units=4\n  scale\n  top = affine units=1\nend\n"
               "disc(image)\nsecond = disc(fake)\nadd(disc.top, second)",
               "thalweg 1\nimage = input f32[n,8]\nfake = input f32[n,8]\n"
               "disc.affine_1 = affine(image) units=4\n"
               "disc.scale_1 = scale(disc.affine_1)\n"
               "disc.top = affine(disc.scale_1) units=1\n"
               "disc_2.affine_1 = affine(fake, disc.affine_1.weight, disc.affine_1.bias) units=4\n"
               "disc_2.scale_1 = scale(disc_2.affine_1)\n"
               "second = affine(disc_2.scale_1, disc.top.weight, disc.top.bias) units=1\n"
               "add_1 = add(disc.top, second)\n");
}

static void renamed_results_print_their_weights(void)
{
    round_trip("thalweg 1\nimage = input f32[n,8]\nblock disc(x)\naffine units=1\nend\n"
               "real = disc(image)\nfake = disc(image)",
               "thalweg 1\nimage = input f32[n,8]\n"
               "disc.affine_1.weight = parameter f32[8,1] init=glorot_uniform\n"
               "disc.affine_1.bias = parameter f32[1] init=zeros\n"
               "real = affine(image, disc.affine_1.weight, disc.affine_1.bias) units=1\n"
               "fake = affine(image, disc.affine_1.weight, disc.affine_1.bias) units=1\n");
}

static void blocks_nest_and_return(void)
{
    round_trip("thalweg 1\nx = input f32[n,2]\nblock inner(a)\nw = parameter f32[2] init=ones\n"
               "mul(a, w)\nend\n"
               "block outer2(a, b)\np = inner(a)\nq = inner(b)\nreturn q, p, a\nend\n"
               "l, m, k = outer2(x, b=x)\nadd(l, m)\nadd(k, l)",
               "thalweg 1\nx = input f32[n,2]\ninner.w = parameter f32[2] init=ones\n"
               "m = mul(x, inner.w)\nl = mul(x, inner.w)\nadd_1 = add(l, m)\nadd_2 = add(x, l)\n");
}

static void prints_train_lines(void)
{
    round_trip("thalweg 1\nx = input f32[n]\nloss = reduce_sum\n"
               "train loss=loss optimizer=\"adam lr=0.001\" metrics=accuracy",
               "thalweg 1\nx = input f32[n]\nloss = reduce_sum(x)\n"
               "train loss=loss optimizer=\"adam lr=0.001\" metrics=accuracy\n");
    round_trip("thalweg 1\nx = input f32[n]\nloss = reduce_sum\ntrain loss=loss\n"
               "train loss=loss optimizer=sgd params=gen.*|disc.* name=gen",
               "thalweg 1\nx = input f32[n]\nloss = reduce_sum(x)\n"
               "train loss=loss optimizer=adam name=train_1\n"
               "train loss=loss optimizer=sgd params=gen.*|disc.* name=gen\n");
}

static void keywords_may_be_names(void)
{
    round_trip("thalweg 1\ntrain = input f32[n]\nend = scale\nblock, return = cell\nscale(block)",
               "thalweg 1\ntrain = input f32[n]\nend = scale(train)\nblock, return = cell(end)\n"
               "scale_1 = scale(block)\n");
}

/* ---- errors: text after "thalweg 1\nx = input f32[n,4]\n", place, sentence ---- */

typedef struct bad {
    const char *text;
    tw_status status;
    int line, column;
    const char *sentence;
} bad;

static const bad bads[] = {
    {"scal", TW_ERROR_NAME, 3, 1, "there is no operator \"scal\"; did you mean \"scale\"?"},
    {"y = xyzzyqq(x)", TW_ERROR_NAME, 3, 5,
     "there is no operator \"xyzzyqq\"; `thalweg ops` lists all"},
    {"scale factr=3", TW_ERROR_NAME, 3, 7,
     "scale_1: scale has no attribute \"factr\"; did you mean \"factor\"?"},
    {"y = scale zzzzzzzz=3", TW_ERROR_NAME, 3, 11,
     "y: scale has no attribute \"zzzzzzzz\"; it has factor, mode, kernel, on, into, note, count"},
    {"add(x, x) q=1", TW_ERROR_NAME, 3, 11, "add_1: add has no attribute \"q\""},
    {"scale factor=big", TW_ERROR_SYNTAX, 3, 14, "scale_1: factor=big is not a number"},
    {"scale factor=nan", TW_ERROR_SYNTAX, 3, 14, "scale_1: factor=nan is not a number"},
    {"scale count=1.5", TW_ERROR_SYNTAX, 3, 13, "scale_1: count=1.5 is not an integer in range"},
    {"scale count=99999999999999999999", TW_ERROR_SYNTAX, 3, 13,
     "scale_1: count=99999999999999999999 is not an integer in range"},
    {"scale kernel=3,,5", TW_ERROR_SYNTAX, 3, 16, "scale_1: kernel= is not an integer in range"},
    {"scale kernel=1,2,3,4,5,6,7,8,9", TW_ERROR_SYNTAX, 3, 14,
     "scale_1: kernel has more than 8 entries"},
    {"scale on=true", TW_ERROR_SYNTAX, 3, 10, "scale_1: on=true is neither yes nor no"},
    {"scale mode=sof", TW_ERROR_NAME, 3, 12,
     "scale_1: mode=sof is none of soft|hard; did you mean \"soft\"?"},
    {"scale mode=elephant", TW_ERROR_NAME, 3, 12, "scale_1: mode=elephant is none of soft|hard"},
    {"scale into=f33", TW_ERROR_NAME, 3, 12,
     "scale_1: into \"f33\" is not known; the types are f32, f16, bf16, i32, u8, bool"},
    {"scale factor=1 factor=2", TW_ERROR_SYNTAX, 3, 16,
     "scale_1: attribute \"factor\" stands twice"},
    {"affine", TW_ERROR_SYNTAX, 3, 1,
     "affine_1: affine needs the attribute units= (number of outputs)"},
    {"affine units=0", TW_ERROR_SHAPE, 3, 1,
     "affine_1.weight: the sizes [4,0] must each be from 1 to 2147483647"},
    {"scale factor", TW_ERROR_SYNTAX, 3, 7, "expected attribute=value, found \"factor\""},
    {"scale 3", TW_ERROR_SYNTAX, 3, 7, "expected attribute=value, found \"3\""},
    {"scale factor=", TW_ERROR_SYNTAX, 3, 14, "expected a value, found the end of the line"},
    {"scale note=\"a", TW_ERROR_SYNTAX, 3, 12, "the quote \"a is not closed"},
    {"scale note=\"a\x01\"", TW_ERROR_SYNTAX, 3, 14,
     "expected a quoted text of plain characters, found the byte 0x01: a model is plain text"},
    {"\x80", TW_ERROR_SYNTAX, 3, 1,
     "expected a name or an operator, found the byte 0x80: a model is plain text"},
    {"scale f32[n]", TW_ERROR_SYNTAX, 3, 7,
     "scale_1: scale takes no type and shape, as \"f32[n]\""},
    {"a = input f32[n,4", TW_ERROR_SYNTAX, 3, 11, "the bracket of f32[ is not closed"},
    {"a = input f32[n,4] f32[2]", TW_ERROR_SYNTAX, 3, 20, "a: a type and shape stand twice"},
    {"a = input f32[n,-4]", TW_ERROR_SYNTAX, 3, 17,
     "a: shape: \"-4\" is not a size: a number, a letter, or their product as 2n"},
    {"a = input f32[n,-1]", TW_ERROR_SHAPE, 3, 5,
     "a: the sizes [n,?] must each be from 1 to 2147483647"},
    {"a = input f32[0]", TW_ERROR_SHAPE, 3, 5,
     "a: the sizes [0] must each be from 1 to 2147483647"},
    {"a = input f32[99999999999]", TW_ERROR_SYNTAX, 3, 15,
     "a: shape: \"99999999999\" is not a size: a number, a letter, or their product as 2n"},
    {"a = input f32[2000000000,2000000000]", TW_ERROR_SHAPE, 3, 5,
     "a: the result f32[2000000000,2000000000] would have too many elements, more than 2147483647"},
    {"a = input f32[n,2000000000,2000000000,2000000000,t]", TW_ERROR_SHAPE, 3, 5,
     "a: the result f32[n,2000000000,2000000000,2000000000,t] would have too many elements, more "
     "than 2147483647"},
    {"a = input f32[nn]", TW_ERROR_SYNTAX, 3, 15,
     "a: shape: \"nn\" is not a size: a number, a letter, or their product as 2n"},
    {"a = input f32[] classes=3", TW_ERROR_TYPE, 3, 5,
     "a: classes= bounds integers, but this input is f32"},
    {"a = input i32[n] classes=0", TW_ERROR_DATA, 3, 5,
     "a: classes=0 must be from 1 to 2147483647"},
    {"w = parameter f32[t]", TW_ERROR_SHAPE, 3, 5,
     "w: the sizes [t] of a weight must be numbers, known when it is made"},
    {"w = parameter f32[3] l2=-1", TW_ERROR_DATA, 3, 5,
     "w: l2= must not be negative, nor infinite"},
    {"x = scale", TW_ERROR_NAME, 3, 1, "the name \"x\" is taken: line 2 made x"},
    {"a, a = cell", TW_ERROR_NAME, 3, 4, "the name \"a\" stands twice before ="},
    {"a, b = scale", TW_ERROR_SYNTAX, 3, 8, "a: 2 names stand before =, but scale has 1 result"},
    {"a, b scale", TW_ERROR_SYNTAX, 3, 6,
     "expected = after the names of the results, found \"scale\""},
    {"scale(y)", TW_ERROR_NAME, 3, 7, "there is no \"y\""},
    {"image2 = scale\nscale(imge2)", TW_ERROR_NAME, 4, 7,
     "there is no \"imge2\"; did you mean \"image2\"?"},
    {"add(x, later)\nlater = scale(x)", TW_ERROR_NAME, 3, 8,
     "\"later\" is used before it is defined, in line 4"},
    {"a = add(x, b)\nb = scale(a)", TW_ERROR_NAME, 3, 12,
     "\"b\" is used before it is defined, in line 4"},
    {"add(x)", TW_ERROR_SYNTAX, 3, 1, "add_1: add needs the input b"},
    {"add(x, x, x)", TW_ERROR_SYNTAX, 3, 1, "add_1: add takes 2 inputs (a b), 3 are given"},
    {"scale()", TW_ERROR_SYNTAX, 3, 1, "scale_1: scale needs the input x"},
    {"join()", TW_ERROR_SYNTAX, 3, 1, "join_1: join needs the input x"},
    {"fill(x) value=1", TW_ERROR_SYNTAX, 3, 1, "fill_1: fill takes no inputs"},
    {"pick(x, msk=x)", TW_ERROR_NAME, 3, 9,
     "pick has no input \"msk\"; its inputs are: x mask? other?"},
    {"pick(x, mask=x, x)", TW_ERROR_SYNTAX, 3, 17,
     "the input \"x\" by position stands after one by name"},
    {"pick(x, x=x)", TW_ERROR_SYNTAX, 3, 9, "the input \"x\" is given twice"},
    {"scale(scale(x))", TW_ERROR_SYNTAX, 3, 7,
     "\"scale(\": a call stands on a line of its own, not in another's parentheses"},
    {"scale(x", TW_ERROR_SYNTAX, 3, 8, "expected , or ), found the end of the line"},
    {"a = nearest\nadd(x, a)", TW_ERROR_TYPE, 4, 1, "add_1: f32 does not go with i32"},
    {"end", TW_ERROR_SYNTAX, 3, 1, "\"end\" has no place outside a block"},
    {"return x", TW_ERROR_SYNTAX, 3, 1, "\"return\" has no place outside a block"},
    {"block b(x)\nscale", TW_ERROR_SYNTAX, 3, 7, "block \"b\" has no line \"end\""},
    {"block b(x)\nblock c(x)\nend\nend", TW_ERROR_SYNTAX, 4, 1,
     "a \"block\" inside another: define it before, outside"},
    {"block scale(x)\nend", TW_ERROR_NAME, 3, 7, "\"scale\" is an operator, so no block's name"},
    {"block b\nend", TW_ERROR_SYNTAX, 3, 8, "expected ( after the name of the block"},
    {"block b.c(x)\nend", TW_ERROR_SYNTAX, 3, 7, "the name of block \"b.c\" has a dot"},
    {"block b(x)\nend\nblock b(x)\nend", TW_ERROR_NAME, 5, 7, "a block \"b\" is there already"},
    {"block b(x)\nb(x)\nend\nb", TW_ERROR_SYNTAX, 4, 1,
     "block \"b\" is called inside itself: a block calls blocks before it"},
    {"block b(x)\nc(x)\nend\nblock c(x)\nb(x)\nend\nc", TW_ERROR_SYNTAX, 4, 1,
     "block \"c\" is called inside itself: a block calls blocks before it"},
    {"block b(a, c)\nadd(a, c)\nend\nb(x)", TW_ERROR_SYNTAX, 6, 1,
     "block b takes 2 inputs, but 1 are given"},
    {"block b(a)\nscale\nend\nb units=3", TW_ERROR_SYNTAX, 6, 3,
     "\"units\": a block takes no attributes"},
    {"block b(a)\nscale(x)\nend\nb", TW_ERROR_NAME, 4, 7,
     "there is no \"x\" here: a block sees what its own lines make and its parameters"},
    {"block b(a)\ni = input f32[n]\nend\nb", TW_ERROR_SYNTAX, 4, 5,
     "an \"input\" inside a block: inputs stand outside"},
    {"block b(a)\ntrain loss=a\nend\nb", TW_ERROR_SYNTAX, 4, 1,
     "\"train\" has no place inside a block"},
    {"block b(a)\nreturn a\nscale\nend\nb", TW_ERROR_SYNTAX, 5, 1,
     "\"scale\" stands after the return of its block"},
    {"block b()\nend\nb()", TW_ERROR_SYNTAX, 5, 7, "block \"b\" has no result"},
    {"block b(a)\naffine units=2\nend\nb\ny = input f32[n,5]\nb(y)", TW_ERROR_SHAPE, 4, 1,
     "b_2.affine_1: it would share b.affine_1.weight, which is f32[4,2], but needs f32[5,2]; calls "
     "of a block share their weights, so their inputs must be alike"},
    {"train optimizer=sgd", TW_ERROR_SYNTAX, 3, 1,
     "train needs the attribute loss= (the node to be made small, one number)"},
    {"train loss=los", TW_ERROR_NAME, 3, 1, "train: loss=los is no node"},
    {"loss = reduce_sum\ntrain loss=los", TW_ERROR_NAME, 4, 1,
     "train: loss=los is no node; did you mean \"loss\"?"},
    {"train loss=x", TW_ERROR_SHAPE, 3, 1,
     "train: a loss is one real number, but x is f32[n,4]; reduce it, as with mean"},
    {"loss = reduce_sum\ntrain loss=loss optimiser=sgd", TW_ERROR_NAME, 4, 17,
     "train has no attribute \"optimiser\"; did you mean \"optimizer\"?"},
    {"loss = reduce_sum\ntrain loss=loss name=a\ntrain loss=loss name=a", TW_ERROR_NAME, 5, 1,
     "train: two lines have the name a"},
    {"loss = reduce_sum\ntrain loss=loss name=\"a b\"", TW_ERROR_SYNTAX, 4, 1,
     "train: \"a b\" is not a name"},
};

static void each_error_has_its_sentence(void)
{
    tw_context *context = test_context();
    for (int i = 0; i < TW_COUNT(bads); i++) {
        const bad *b = &bads[i];
        char text[1000], sentence[1100];
        tw_graph *g = NULL;
        tw_error error = {0};
        snprintf(text, sizeof text, "thalweg 1\nx = input f32[n,4]\n%s", b->text);
        snprintf(sentence, sizeof sentence, "line %d, column %d: %s", b->line, b->column,
                 b->sentence);
        const tw_status status =
            tw_graph_parse_with(context, test_operators, text, strlen(text), &g, &error);
        CHECK(status == b->status && error.code == status && !g);
        CHECK(error.line == b->line && error.column == b->column);
        CHECK_TEXT(error.text, sentence);
    }
    tw_context_destroy(&context);
}

/* Texts that are no models at all. */
static void no_model_at_all(void)
{
    static const struct {
        const char *text;
        size_t length;
        const char *sentence;
    } rows[] = {
        {"", 0, "line 1, column 1: the text is empty: a model begins with the line \"thalweg 1\""},
        {"\n # only\n", 9, "the text is empty"},
        {"image = input f32[n]", 20, "its first line must be \"thalweg 1\""},
        {"\x7f"
         "ELF\0\0\1",
         7, "its first line must be \"thalweg 1\""},
        {"thalweg 2", 9, "version 2 of the grammar is not known"},
        {"thalweg", 7, "expected a value, found the end of the line"},
        {"thalweg 1 2", 11, "expected the end of the line, found \"2\""},
        {"thalweg 1\nx = input\0f32[n]", 26, "found the byte 0x00"},
    };
    tw_context *context = test_context();
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_graph *g = NULL;
        tw_error error = {0};
        CHECK(tw_graph_parse(context, rows[i].text, rows[i].length, &g, &error) != TW_OK && !g);
        CHECK_HAS(error.text, rows[i].sentence);
    }
    tw_context_destroy(&context);
}

/* ---- absurd sizes ---- */

static void check_absurd(const tw_text *text, const char *sentence)
{
    tw_graph *g = NULL;
    tw_error error = {0};
    CHECK(tw_graph_parse_with(text->context, test_operators, text->data, text->length, &g,
                              &error) != TW_OK);
    CHECK_HAS(error.text, sentence);
}

static void absurd_texts_end(void)
{
    tw_context *context = test_context();
    tw_text text = {.context = context};
    tw_text_puts(&text, "thalweg 1\nx = input f32[n]\n");
    for (int i = 0; i < 100000; i++)
        tw_text_puts(&text, "a");
    check_absurd(&text, "has 100000 characters, more than 120");
    text.length = 0;
    tw_text_puts(&text, "thalweg 1\nx = input f32[n]\njoin(x");
    for (int i = 0; i < 1000; i++)
        tw_text_puts(&text, ",x");
    check_absurd(&text, "more than 16 inputs");
    text.length = 0;
    tw_text_puts(&text, "thalweg 1\nx = input f32[n]\nblock b0(x)\nscale\nend\n");
    for (int i = 1; i < 40; i++)
        tw_text_printf(&text, "block b%d(x)\nb%d\nb%d\nend\n", i, i - 1, i - 1);
    tw_text_puts(&text, "b39");
    check_absurd(&text, "too many calls of blocks");
    text.length = 0;
    tw_text_puts(&text, "thalweg 1\nx = input f32[n]\n");
    for (int i = 0; i < TW_MAX_CALLS; i++)
        tw_text_puts(&text, "scale\n");
    check_absurd(&text, "the graph has more than 131072 calls");
    tw_text_clear(&text);
    tw_context_destroy(&context);
}

static const tw_attribute adam[] = {{"lr", TW_ATTR_FLOAT, "0.001", NULL, "rate"}, END};

static const tw_attribute *lookup(const char *word, tw_error *error)
{
    if (strcmp(word, "adam") == 0)
        return adam;
    tw_fail(error, TW_ERROR_NAME, "no optimizer \"%s\"", word);
    return NULL;
}

static void options_are_texts_too(void)
{
    tw_context *context = test_context();
    tw_arena arena = {.context = context};
    const char *word = NULL;
    tw_attr *attr = NULL;
    tw_error error = {0};
    CHECK_OK(tw_options_parse(&arena, "adam lr=0.5", &word, &error, lookup, &attr), error);
    CHECK(attr && attr[0].f == 0.5);
    CHECK_TEXT(word, "adam");
    CHECK(tw_options_parse(&arena, "adm", &word, &error, lookup, &attr) == TW_ERROR_NAME);
    CHECK_TEXT(error.text, "no optimizer \"adm\"");
    CHECK(tw_options_parse(&arena, "adam lt=1", &word, &error, lookup, &attr) == TW_ERROR_NAME);
    CHECK_TEXT(error.text, "adam has no attribute \"lt\"; did you mean \"lr\"?");
    CHECK(tw_options_parse(&arena, "", &word, &error, lookup, &attr) == TW_ERROR_SYNTAX);
    CHECK(tw_options_parse(&arena, "adam lr", &word, NULL, lookup, &attr) == TW_ERROR_SYNTAX);
    tw_arena_free(&arena);
    tw_context_destroy(&context);
}

TESTS(T(prints_inputs_and_chains), T(prints_labels_and_scalars), T(prints_weights_where_needed),
      T(weights_follow_their_owner), T(prints_several_results), T(blocks_share_weights),
      T(renamed_results_print_their_weights), T(blocks_nest_and_return), T(prints_train_lines),
      T(keywords_may_be_names), T(each_error_has_its_sentence), T(no_model_at_all),
      T(absurd_texts_end), T(options_are_texts_too))
