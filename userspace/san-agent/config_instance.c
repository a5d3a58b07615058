/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "san-agent/config_instance.h"
#include "util/own.h"

static int read_service(const json_t *obj, uint64_t *id, struct err *err)
{
	const json_t *value = json_object_get(obj, "service");

	if (json_is_integer(value) && json_integer_value(value) > 0) {
		*id = (uint64_t)json_integer_value(value);
		return 0;
	}
	if (json_is_string(value) && !svc_id_parse(json_string_value(value), id))
		return 0;
	return err_set(err, -EINVAL, "/service", json_string_value(value),
		       "must be a service ID: 0x101 or 257, not 0");
}

static bool cgroup_path_ok(const char *path)
{
	const char *p = path;

	if (!*path || *path == '/')
		return false;
	while (p) {
		size_t len = strcspn(p, "/");

		if (len == 0 || (len == 1 && *p == '.') || (len == 2 && !strncmp(p, "..", 2)))
			return false;
		p = strchr(p, '/');
		p = p ? p + 1 : NULL;
	}
	return true;
}

static int read_cgroup(const json_t *obj, struct source_conf *src, struct err *err)
{
	int rc = json_get_text(obj, "cgroup", JSON_REQUIRED, src->path, sizeof(src->path), err);

	src->kind = SOURCE_CGROUP;
	if (rc || cgroup_path_ok(src->path))
		return rc;
	return err_set(err, -EINVAL, "/cgroup", src->path,
		       "must be a path below the hierarchy's root: site/web, without . and ..");
}

static int read_pid(const json_t *obj, struct source_conf *src, struct err *err)
{
	int64_t pid = 0;
	int rc =
		json_get_int(obj, "pid", JSON_REQUIRED, (struct json_range){1, INT_MAX}, &pid, err);

	src->kind = SOURCE_PID;
	src->pid = (int)pid;
	return rc;
}

static int read_pidfile(const json_t *obj, struct source_conf *src, struct err *err)
{
	int rc = json_get_text(obj, "pidfile", JSON_REQUIRED, src->path, sizeof(src->path), err);

	src->kind = SOURCE_PIDFILE;
	if (rc || src->path[0] == '/')
		return rc;
	return err_set(err, -EINVAL, "/pidfile", src->path, "must be an absolute path");
}

static int read_source(const json_t *obj, struct source_conf *src, struct err *err)
{
	static const char *const names[SOURCE_MAX] = {"cgroup", "pid", "pidfile"};
	static int (*const readers[SOURCE_MAX])(const json_t *, struct source_conf *,
						struct err *) = {read_cgroup, read_pid,
								 read_pidfile};
	unsigned int mbps = 0;
	int found = -1, rc;

	for (int i = 0; i < SOURCE_MAX; i++) {
		if (!json_object_get(obj, names[i]))
			continue;
		if (found >= 0)
			return err_set(err, -EINVAL, "", "",
				       "must have one of cgroup, pid, pidfile, not %s and %s",
				       names[found], names[i]);
		found = i;
	}
	if (found < 0)
		return err_set(err, -EINVAL, "", "", "must have one of cgroup, pid, pidfile");
	rc = readers[found](obj, src, err);
	if (!rc)
		rc = conf_uint(obj, "io_max_mbps", (struct json_range){1, 1000000}, &mbps, err);
	src->io_max_bytes = (uint64_t)mbps * 1000000 / 8;
	return rc;
}

int conf_sockaddr(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (void *)out;
	struct sockaddr_in *in = (void *)out;
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2], *end;
	unsigned long port;
	size_t len;

	if (!colon || (size_t)(colon - text) >= sizeof(host) || colon == text)
		return -EINVAL;
	if (colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port < 1 || port > 65535)
		return -EINVAL;
	len = (size_t)(colon - text);
	memcpy(host, text, len);
	host[len] = '\0';
	memset(out, 0, sizeof(*out));
	if (host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host + 1, &in6->sin6_addr) == 1 ? 0 : -EINVAL;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &in->sin_addr) == 1 ? 0 : -EINVAL;
}

static int read_tcp(const json_t *obj, struct probe_conf *probe, struct err *err)
{
	int rc = json_get_text(obj, "tcp", JSON_REQUIRED, probe->host, sizeof(probe->host), err);

	probe->kind = PROBE_TCP;
	if (rc || !conf_sockaddr(probe->host, &probe->addr))
		return rc;
	return err_set(err, -EINVAL, "/tcp", probe->host,
		       "must be \"[IPv6 address]:port\" or \"IPv4 address:port\"");
}

static int read_http(const json_t *obj, struct probe_conf *probe, struct err *err)
{
	static const char want[] = "must be \"http://[address]:port/path\" with a literal address";
	const char *url = NULL, *slash;
	int rc = json_get_str(obj, "http", JSON_REQUIRED, &url, err);
	size_t len;

	probe->kind = PROBE_HTTP;
	if (rc)
		return rc;
	if (strncmp(url, "http://", 7) || strpbrk(url, " \r\n\t"))
		return err_set(err, -EINVAL, "/http", url, "%s", want);
	slash = strchrnul(url + 7, '/');
	len = (size_t)(slash - url) - 7;
	if (len >= sizeof(probe->host) || strlen(slash) >= sizeof(probe->path))
		return err_set(err, -EINVAL, "/http", url, "%s", want);
	memcpy(probe->host, url + 7, len);
	strcpy(probe->path, *slash ? slash : "/");
	if (conf_sockaddr(probe->host, &probe->addr))
		return err_set(err, -EINVAL, "/http", url, "%s", want);
	return 0;
}

static int read_probe_times(const json_t *obj, struct probe_conf *probe, struct err *err)
{
	int rc;

	probe->interval_ms = 1000;
	probe->timeout_ms = 500;
	probe->failures = 3;
	rc = conf_uint(obj, "probe_interval_ms", (struct json_range){50, 3600000},
		       &probe->interval_ms, err);
	rc = rc ? rc
		: conf_uint(obj, "probe_timeout_ms", (struct json_range){10, 60000},
			    &probe->timeout_ms, err);
	return rc ? rc
		  : conf_uint(obj, "probe_failures", (struct json_range){1, 100}, &probe->failures,
			      err);
}

static int read_probe(const json_t *obj, struct probe_conf *probe, struct err *err)
{
	static const char *const allowed[] = {"tcp", "http", NULL};
	json_t *what = NULL;
	int rc = json_get_object(obj, "probe", JSON_OPTIONAL, &what, err);

	rc = rc ? rc : read_probe_times(obj, probe, err);
	if (rc || !what)
		return rc;
	rc = json_only(what, allowed, err);
	if (!rc && json_object_size(what) != 1)
		rc = err_set(err, -EINVAL, "", "", "must have either tcp or http");
	if (!rc)
		rc = json_object_get(what, "tcp") ? read_tcp(what, probe, err)
						  : read_http(what, probe, err);
	if (rc)
		err_prefix(err, "/probe");
	return rc;
}

static int add_constant(struct instance_conf *inst, const char *name, const json_t *value,
			struct err *err)
{
	struct constant_conf *constant = &inst->constants[inst->n_constants];
	char field[NAME_LEN];

	snprintf(field, sizeof(field), "/%.60s", name);
	if (!name_valid(name))
		return err_set(err, -EINVAL, field, name, "must match [A-Za-z0-9._-]{1,63}");
	for (int i = 0; i < MEASURE_MAX; i++) {
		if (!strcmp(name, measure_names[i]))
			return err_set(err, -EINVAL, field, "",
				       "is measured by the agent and cannot be given");
	}
	if (inst->n_constants == AGENT_MAX_CONSTANTS)
		return err_set(err, -ENOSPC, field, "", "is one too many: at most %d attributes",
			       AGENT_MAX_CONSTANTS);
	strcpy(constant->name, name);
	inst->n_constants++;
	return conf_milli(value, name, &constant->milli, err);
}

static int read_constants(const json_t *obj, struct instance_conf *inst, struct err *err)
{
	json_t *attrs = NULL, *value;
	const char *name;
	int rc = json_get_object(obj, "attributes", JSON_OPTIONAL, &attrs, err);

	if (rc || !attrs)
		return rc;
	json_object_foreach(attrs, name, value) {
		rc = add_constant(inst, name, value, err);
		if (rc) {
			err_prefix(err, "/attributes");
			return rc;
		}
	}
	return 0;
}

static int check_twice(const struct agent_conf *conf, const struct instance_conf *inst,
		       struct err *err)
{
	for (unsigned int i = 0; i < conf->n_instances; i++) {
		const struct instance_conf *other = &conf->instances[i];

		if (other->service == inst->service && !strcmp(other->name, inst->name))
			return err_set(err, -EEXIST, "/name", inst->name,
				       "must differ from /instances/%u: same service and name", i);
	}
	return 0;
}

int instance_conf_read(const json_t *obj, struct agent_conf *conf, struct err *err)
{
	static const char *const allowed[] = {
		"service",
		"name",
		"address",
		"sid",
		"cgroup",
		"pid",
		"pidfile",
		"io_max_mbps",
		"probe",
		"probe_interval_ms",
		"probe_timeout_ms",
		"probe_failures",
		"attributes",
		NULL,
	};
	struct instance_conf *inst = &conf->instances[conf->n_instances];
	int rc = json_is_obj(obj, err);

	rc = rc ? rc : json_only(obj, allowed, err);
	rc = rc ? rc : read_service(obj, &inst->service, err);
	rc = rc ? rc : conf_name(obj, "name", inst->name, err);
	rc = rc ? rc : json_get_ip(obj, "address", JSON_REQUIRED, &inst->address, err);
	rc = rc ? rc : json_get_in6(obj, "sid", JSON_OPTIONAL, &inst->sid, err);
	rc = rc ? rc : read_source(obj, &inst->source, err);
	rc = rc ? rc : read_probe(obj, &inst->probe, err);
	rc = rc ? rc : read_constants(obj, inst, err);
	rc = rc ? rc : check_twice(conf, inst, err);
	if (!rc)
		conf->n_instances++;
	return rc;
}
