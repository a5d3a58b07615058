/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References of URIs, resolved as RFC 3986, 5.2 says. */
#include "alto/client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *at; /* NULL: absent */
	size_t len;
};

/* scheme ":" "//" authority path "?" query "#" fragment, without the delimiters */
struct uri {
	struct span scheme, authority, path, query, fragment;
};

static bool clean(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f ||
		    strchr("\"<>\\^`{|}", *text))
			return false;
	}
	return true;
}

/* Length of a scheme in front of ":", or 0. */
static size_t scheme_len(const char *text)
{
	size_t n = 0;

	if (!isalpha((unsigned char)text[0]))
		return 0;
	while (isalnum((unsigned char)text[n]) || (text[n] && strchr("+-.", text[n])))
		n++;
	return text[n] == ':' ? n : 0;
}

static struct span take(const char **at, const char *until)
{
	struct span s = {.at = *at, .len = strcspn(*at, until)};

	*at += s.len;
	return s;
}

static struct uri split(const char *text)
{
	struct uri u = {.scheme = {.len = scheme_len(text)}};

	if (u.scheme.len) {
		u.scheme.at = text;
		text += u.scheme.len + 1;
	}
	if (text[0] == '/' && text[1] == '/') {
		text += 2;
		u.authority = take(&text, "/?#");
	}
	u.path = take(&text, "?#");
	if (*text == '?') {
		text++;
		u.query = take(&text, "#");
	}
	if (*text == '#') {
		text++;
		u.fragment = take(&text, "");
	}
	return u;
}

/* ---- remove_dot_segments (RFC 3986, 5.2.4), in place ---- */

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* How many bytes of `in` a rule of dots takes; *slash: "/" stays in front of what follows. */
static size_t dots(const char *in, bool *up, bool *slash)
{
	*up = begins(in, "/../") || strcmp(in, "/..") == 0;
	*slash = in[0] == '/';
	if (begins(in, "../") || begins(in, "/./"))
		return *slash ? 2 : 3;
	if (begins(in, "./"))
		return 2;
	if (begins(in, "/../"))
		return 3;
	if (strcmp(in, "/.") == 0 || strcmp(in, "/..") == 0 || strcmp(in, ".") == 0 ||
	    strcmp(in, "..") == 0)
		return strlen(in);
	return 0;
}

static void remove_dots(char *path)
{
	char *in = path, *out = path;
	bool up, slash;

	while (*in) {
		size_t n = dots(in, &up, &slash);

		if (up) {
			while (out > path && *--out != '/')
				;
		}
		if (n) {
			in += n;
			if (!*in && slash)
				*out++ = '/';
			continue;
		}
		do
			*out++ = *in++;
		while (*in && *in != '/');
	}
	*out = '\0';
}

/* base's path up to its last "/", then ref (RFC 3986, 5.2.3); room for both is there. */
static void merge(char *out, const struct uri *base, struct span ref)
{
	size_t n = base->path.len;

	while (n && base->path.at[n - 1] != '/')
		n--;
	if (base->path.len == 0 && base->authority.at)
		*out++ = '/';
	memcpy(out, base->path.at, n);
	memcpy(out + n, ref.at, ref.len);
	out[n + ref.len] = '\0';
}

/* ---- the whole ---- */

static char *put(char *out, const char *before, struct span s, const char *behind)
{
	if (!s.at)
		return out;
	out = stpcpy(out, before);
	memcpy(out, s.at, s.len);
	return stpcpy(out + s.len, behind);
}

static void path_of(char *out, const struct uri *base, const struct uri *ref)
{
	if (ref->scheme.at || ref->authority.at || (ref->path.len && ref->path.at[0] == '/')) {
		memcpy(out, ref->path.at, ref->path.len);
		out[ref->path.len] = '\0';
	} else if (ref->path.len) {
		merge(out, base, ref->path);
	} else {
		memcpy(out, base->path.at, base->path.len);
		out[base->path.len] = '\0';
		return;
	}
	remove_dots(out);
}

char *alto_uri_resolve(const char *base, const char *ref)
{
	struct uri b = split(base), r = split(ref);
	size_t room = strlen(base) + strlen(ref) + 8;
	bool own = r.scheme.at || r.authority.at;
	char *path, *out, *end;

	if (!b.scheme.at || !clean(base) || !clean(ref))
		return NULL;
	path = malloc(room);
	out = malloc(2 * room);
	if (!path || !out) {
		free(path);
		free(out);
		return NULL;
	}
	path_of(path, &b, &r);
	end = put(out, "", r.scheme.at ? r.scheme : b.scheme, ":");
	end = put(end, "//", own ? r.authority : b.authority, "");
	end = stpcpy(end, path);
	end = put(end, "?", own || r.path.len || r.query.at ? r.query : b.query, "");
	end = put(end, "#", r.fragment, "");
	*end = '\0';
	free(path);
	return out;
}

/* ---- origins (RFC 6454) ---- */

static bool same(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

/* Cuts a default port. */
static struct span host_port(const struct uri *u)
{
	const char *port = u->scheme.len == 5 ? ":443" : ":80";
	size_t n = strlen(port);
	struct span s = u->authority;

	if (s.len > n && strncmp(s.at + s.len - n, port, n) == 0)
		s.len -= n;
	return s;
}

bool alto_uri_same_origin(const char *a, const char *b)
{
	struct uri u = split(a), v = split(b);

	return u.scheme.at && u.authority.at && same(u.scheme, v.scheme) &&
	       same(host_port(&u), host_port(&v));
}
