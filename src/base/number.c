// SPDX-License-Identifier: Apache-2.0
// Numbers as text, the same whatever locale the program has set.
#include "base/text.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

/* A number has at most 767 digits that matter; with sign, zeros and exponent the buffer is ample
 * for any that is meant. */
#define LONGEST_NUMBER 1000

/* Makes the C locale that of the calling thread (POSIX 2008); leave_c takes back what it was. On
 * the C libraries at hand this allocates nothing. Should it fail all the same, the program's locale
 * has to do. */
typedef struct c_locale {
    locale_t made, before;
} c_locale;

static c_locale enter_c(void)
{
    c_locale c = {.made = newlocale(LC_ALL_MASK, "C", (locale_t)0)};
    if (c.made)
        c.before = uselocale(c.made);
    return c;
}

static void leave_c(c_locale c)
{
    if (!c.made)
        return;
    uselocale(c.before);
    freelocale(c.made);
}

int tw_vformat(char *buffer, size_t size, const char *format, va_list args)
{
    const c_locale c = enter_c();
    const int length = vsnprintf(buffer, size, format, args);
    leave_c(c);
    return length;
}

/* A decimal number taken apart: sign, digits as an integer as far as it holds them, power of ten.
 */
typedef struct decimal {
    bool negative, exact; /* exact: mantissa holds all digits */
    uint64_t mantissa;
    int64_t exponent;
} decimal;

/* [+-] digits [. digits] [e [+-] digits], at least one digit before or behind the point. */
static bool scan(const char *text, size_t length, decimal *number)
{
    *number = (decimal){.exact = true};
    size_t i = 0, digits = 0;
    bool fraction = false;
    if (i < length && (text[i] == '-' || text[i] == '+'))
        number->negative = text[i++] == '-';
    for (; i < length; i++) {
        if (text[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            break;
        digits++;
        if (number->mantissa > (UINT64_MAX - 9) / 10)
            number->exact = false;
        else
            number->mantissa = number->mantissa * 10 + (uint64_t)(text[i] - '0');
        number->exponent -= fraction;
    }
    if (digits == 0)
        return false;
    if (i == length)
        return true;
    if (text[i] != 'e' && text[i] != 'E')
        return false;
    i++;
    bool negative = false;
    if (i < length && (text[i] == '-' || text[i] == '+'))
        negative = text[i++] == '-';
    if (i == length)
        return false;
    int64_t exponent = 0;
    for (; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        if (exponent < 100000)
            exponent = exponent * 10 + (text[i] - '0');
    }
    number->exponent += negative ? -exponent : exponent;
    return true;
}

/* "inf", "infinity", "nan" in any case, with a sign. */
static bool parse_special(const char *text, size_t length, double *value)
{
    static const char *const names[] = {"inf", "infinity", "nan"};
    const bool sign = length > 0 && (text[0] == '-' || text[0] == '+');
    const bool negative = sign && text[0] == '-';
    text += sign;
    length -= sign;
    for (int i = 0; i < TW_COUNT(names); i++) {
        bool same = strlen(names[i]) == length;
        for (size_t j = 0; same && j < length; j++)
            same = (text[j] | 0x20) == names[i][j];
        if (same) {
            *value = i == 2 ? (double)NAN : negative ? -(double)INFINITY : (double)INFINITY;
            return true;
        }
    }
    return false;
}

/* The C library's conversion. */
static bool parse_slow(const char *text, size_t length, double *value)
{
    char copy[LONGEST_NUMBER + 1], *end;
    if (length > LONGEST_NUMBER)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    const c_locale c = enter_c();
    const double parsed = strtod(copy, &end);
    leave_c(c);
    if (end != copy + length || isinf(parsed))
        return false;
    *value = parsed;
    return true;
}

bool tw_parse_double(const char *text, size_t length, double *value)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    decimal number;
    if (!scan(text, length, &number))
        return parse_special(text, length, value);
    /* Clinger (1990): both operands are exact doubles, so that one operation rounds right. Nearly
     * all numbers of a data file go this way. */
    const int64_t exponent = number.exponent;
    if (number.exact && number.mantissa <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
        const double mantissa = (double)number.mantissa;
        const double parsed =
            exponent < 0 ? mantissa / power[-exponent] : mantissa * power[exponent];
        *value = number.negative ? -parsed : parsed;
        return true;
    }
    return parse_slow(text, length, value);
}

bool tw_parse_int(const char *text, size_t length, int64_t *value)
{
    const bool sign = length > 0 && (text[0] == '-' || text[0] == '+');
    const bool negative = sign && text[0] == '-';
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t magnitude = 0;
    if (length == (size_t)sign)
        return false;
    for (size_t i = sign; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        const uint64_t digit = (uint64_t)(text[i] - '0');
        if (magnitude > (limit - digit) / 10)
            return false;
        magnitude = magnitude * 10 + digit;
    }
    *value = !negative ? (int64_t)magnitude : magnitude == limit ? INT64_MIN : -(int64_t)magnitude;
    return true;
}

void tw_text_double(tw_text *text, double value)
{
    char digits[40];
    if (isnan(value) || isinf(value)) {
        tw_text_puts(text, isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) { /* 100, not 1e+02 */
        tw_text_printf(text, "%.0f", value);
        return;
    }
    const c_locale c = enter_c();
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    leave_c(c);
    tw_text_puts(text, digits);
}
