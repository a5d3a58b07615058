/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Days of the proleptic Gregorian calendar, counted in eras of 400 years that begin on 1 March, so
 * that the leap day is the last of its year (Howard Hinnant, "chrono-compatible low-level date
 * algorithms").
 */
#include "nemo/cond.h"

#define DAY_SECONDS 86400
#define ERA_YEARS 400
#define ERA_DAYS 146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t days_of(int64_t year, unsigned int month, unsigned int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, ERA_YEARS);
	int64_t of_era = y - era * ERA_YEARS;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
}

int64_t nemo_date_seconds(const struct nemo_date *date)
{
	int64_t s = date->has_day ? days_of(date->year, date->month, date->day) * DAY_SECONDS : 0;

	if (date->has_time)
		s += date->hour * 3600 + date->minute * 60 + date->second;
	return s;
}

void nemo_date_from_seconds(int64_t seconds, struct nemo_date *out)
{
	int64_t day = floor_div(seconds, DAY_SECONDS);
	int64_t rest = seconds - day * DAY_SECONDS;
	int64_t era = floor_div(day + EPOCH_DAYS, ERA_DAYS);
	int64_t of_era = day + EPOCH_DAYS - era * ERA_DAYS;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / (ERA_DAYS - 1)) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* from March */

	*out = (struct nemo_date){
		.has_day = true,
		.has_time = true,
		.year = (int16_t)(year + era * ERA_YEARS + (month >= 10)),
		.month = (uint8_t)(month < 10 ? month + 3 : month - 9),
		.day = (uint8_t)(of_year - (153 * month + 2) / 5 + 1),
		.hour = (uint8_t)(rest / 3600),
		.minute = (uint8_t)(rest / 60 % 60),
		.second = (uint8_t)(rest % 60),
	};
}
