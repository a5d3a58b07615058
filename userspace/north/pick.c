/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page of a hash table without sorting all of it: the smallest items, in a bounded heap. */
#include <errno.h>
#include <string.h>

#include "north/rest.h"

int pick_init(struct pick *pick, size_t max, int (*cmp)(const void *, const void *))
{
	*pick = (struct pick){.max = max, .cmp = cmp};
	pick->v = malloc(max * sizeof(*pick->v));
	return pick->v ? 0 : -ENOMEM;
}

static void swap(struct pick *pick, size_t a, size_t b)
{
	const void *item = pick->v[a];

	pick->v[a] = pick->v[b];
	pick->v[b] = item;
}

static bool less(const struct pick *pick, size_t a, size_t b)
{
	return pick->cmp(pick->v[a], pick->v[b]) < 0;
}

static void sift_up(struct pick *pick, size_t i)
{
	for (; i > 0 && less(pick, (i - 1) / 2, i); i = (i - 1) / 2)
		swap(pick, i, (i - 1) / 2);
}

static void sift_down(struct pick *pick, size_t i, size_t n)
{
	for (size_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && less(pick, child, child + 1))
			child++;
		if (!less(pick, i, child))
			return;
		swap(pick, i, child);
	}
}

void pick_add(struct pick *pick, const void *item)
{
	if (pick->n < pick->max) {
		pick->v[pick->n] = item;
		sift_up(pick, pick->n++);
	} else if (pick->cmp(item, pick->v[0]) < 0) {
		pick->v[0] = item;
		sift_down(pick, 0, pick->n);
	}
}

void pick_sort(struct pick *pick)
{
	for (size_t n = pick->n; n > 1; n--) {
		swap(pick, 0, n - 1);
		sift_down(pick, 0, n - 1);
	}
}

void pick_fini(struct pick *pick)
{
	free(pick->v);
	pick->v = NULL;
}

bool rest_pick(struct req *req, const struct rest_page *page, struct pick *pick,
	       int (*cmp)(const void *, const void *))
{
	if (pick_init(pick, page->limit + 1, cmp) == 0)
		return true;
	rest_json(req, 500, NULL);
	return false;
}

void rest_list(struct req *req, const struct rest_page *page, struct pick *pick,
	       const struct rest_lister *lister)
{
	size_t n = pick->n < page->limit ? pick->n : page->limit;
	json_t *items = json_array();
	json_t *list = json_object();
	char name[3 * NAME_LEN];
	int r = 0;

	pick_sort(pick);
	for (size_t i = 0; i < n; i++)
		r |= json_array_append_new(items, lister->item(req, pick->v[i]));
	r |= json_object_set_new(list, "items", items);
	if (pick->n > n)
		r |= json_object_set_new(
			list, "next",
			json_string(lister->name(pick->v[n - 1], name, sizeof(name))));
	pick_fini(pick);
	if (r) { /* without memory a part would look like the whole */
		json_decref(list);
		list = NULL;
	}
	rest_json(req, 200, list);
}
