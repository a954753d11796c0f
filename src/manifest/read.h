/* SPDX-License-Identifier: Apache-2.0 */
/* The pieces of the manifest reader. Internal to src/manifest. */
#ifndef APPSILO_MANIFEST_READ_H
#define APPSILO_MANIFEST_READ_H

#include "manifest/manifest.h"
#include "manifest/xml.h"

#define NS_FOUNDATION "http://schemas.microsoft.com/appx/manifest/foundation/windows10"
#define NS_UAP "http://schemas.microsoft.com/appx/manifest/uap/windows10"
#define NS_UAP5 "http://schemas.microsoft.com/appx/manifest/uap/windows10/5"
#define NS_UAP10 "http://schemas.microsoft.com/appx/manifest/uap/windows10/10"
#define NS_UAP18 "http://schemas.microsoft.com/appx/manifest/uap/windows10/18"
#define NS_RESTRICTED                                                                              \
	"http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities"
#define NS_SECURITY2 "http://schemas.microsoft.com/appx/manifest/preview/windows10/security/2"

/** Append @text, taking ownership in every case. Returns 0; -EINVAL when full; -ENOMEM. */
int read_list_add(struct manifest_list *list, char *text, const xmlNode *node,
		  struct appsilo_error *err) must_check;
bool read_list_has(const struct manifest_list *list, const char *text);

/** Applications and their extensions. Returns 0; -EINVAL; -ENOMEM. */
int read_applications(const xmlNode *node, struct manifest *m, struct appsilo_error *err) must_check;

/** The appsilo namespace. Returns 0; -EINVAL; -ENOMEM. */
int read_settings(const xmlNode *node, struct manifest *m, struct appsilo_error *err) must_check;

#endif
