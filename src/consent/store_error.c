/* SPDX-License-Identifier: Apache-2.0 */
#include "consent/store_error.h"

#include "base/text.h"
#include <string.h>

int store_code(int sqlite_code)
{
	switch (sqlite_code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_IOERR:
		return -EIO;
	default:
		return -EUCLEAN; /* corrupt, not a database, or not what we wrote */
	}
}

int store_cause(sqlite3 *db, int code)
{
	int cause = db && (code == -EIO || code == -EACCES) ? sqlite3_system_errno(db) : 0;

	return cause == ENOSPC || cause == EDQUOT || cause == EROFS ? -cause : code;
}

int store_explain(const char *file, int code, const char *what, struct appsilo_error *err)
{
	char shown[768];

	text_show(file, shown, sizeof(shown));
	switch (code) {
	case -EUCLEAN:
		return error_say(err, code,
				 "consent store: %s is damaged; everything is denied until you move "
				 "it away or restore it",
				 shown);
	case -EBUSY:
		return error_say(err, code, "consent store: %s is locked by another process; try again",
				 shown);
	case -EPERM:
		return error_say(err, code,
				 "consent store: %s and its folder must be yours, and writable by nobody "
				 "else; everything is denied until they are (chown, chmod go-w)",
				 shown);
	case -ENOSPC:
	case -EDQUOT:
		return error_say(err, code,
				 "consent store: cannot %s %s: the disk is full; make room and try again",
				 what, shown);
	case -EROFS:
	case -EACCES:
		return error_say(err, code,
				 "consent store: cannot %s %s: %s; make it and its folder writable", what,
				 shown, strerror(-code));
	default:
		return error_set(err, code, "consent store: cannot %s %s", what, shown);
	}
}
