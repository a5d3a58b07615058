/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sand/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "util/own.h"

int secret_read(const char *path, const char *field, char buf[SECRET_MAX], struct err *err)
{
	OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, -errno, field, path, "must be readable by sand's user");
	if (!S_ISREG(st.st_mode) || (st.st_mode & S_IRWXO))
		return err_set(err, -EACCES, field, path,
			       "must be a file that others cannot read (chmod o= FILE)");
	n = read(fd, buf, SECRET_MAX - 1);
	if (n < 0)
		return err_set(err, -errno, field, path, "must be readable by sand's user");
	buf[n] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	if (!buf[0] || strlen(buf) == SECRET_MAX - 1)
		return err_set(err, -EINVAL, field, path, "must hold 1..%d bytes in its first line",
			       SECRET_MAX - 2);
	return 0;
}
