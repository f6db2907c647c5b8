/*
 * timestamp.c - a time as RFC 3339 text in UTC.
 */
#include "auth/credential/timestamp.h"

#include <stdio.h>
#include <time.h>

/* What each character of the text must be: 'd' a digit, else itself. */
static const char form[] = "dddd-dd-ddTdd:dd:ddZ";

static int number(const char *text, size_t digits)
{
	int n = 0;

	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (text[i] - '0');
	return n;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool timestamp_parse(const char *text, size_t len, int64_t *unix_s)
{
	if (len != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool is_digit = text[i] >= '0' && text[i] <= '9';

		if (form[i] == 'd' ? !is_digit : text[i] != form[i])
			return false;
	}

	struct tm tm = {
		.tm_year = number(text, 4) - 1900,
		.tm_mon = number(text + 5, 2) - 1,
		.tm_mday = number(text + 8, 2),
		.tm_hour = number(text + 11, 2),
		.tm_min = number(text + 14, 2),
		.tm_sec = number(text + 17, 2),
	};
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 ||
	    tm.tm_mday > days_in_month(tm.tm_year + 1900, tm.tm_mon + 1) ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 59)
		return false;
	*unix_s = timegm(&tm);
	return true;
}

bool timestamp_format(int64_t unix_s, char text[TIMESTAMP_SIZE])
{
	time_t t = unix_s;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
		return false;
	/* Not strftime(): it writes years below 1000 without their leading zeros. */
	return snprintf(text, TIMESTAMP_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ",
			tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			tm.tm_min, tm.tm_sec) == TIMESTAMP_SIZE - 1;
}
