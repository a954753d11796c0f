/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities that the code asks for by name; all of them are in data/capabilities.tsv. */
#ifndef APPSILO_MANIFEST_NAMES_H
#define APPSILO_MANIFEST_NAMES_H

#define CAPABILITY_PROMPT "isolatedWin32-promptForAccess"
#define CAPABILITY_PUBLISHER_DIRECTORY "isolatedWin32-accessToPublisherDirectory"
#define CAPABILITY_PROFILES_ROOT "isolatedWin32-profilesRootMinimal"
#define CAPABILITY_USER_PROFILE "isolatedWin32-userProfileMinimal"
#define CAPABILITY_VOLUME_ROOT "isolatedWin32-volumeRootMinimal"
#define CAPABILITY_CLIENT "internetClient"
#define CAPABILITY_SERVER "internetClientServer"
#define CAPABILITY_PRIVATE "privateNetworkClientServer"

#endif
