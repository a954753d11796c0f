// SPDX-License-Identifier: Apache-2.0
// Built without npm modules: the program is typed into the plain text area.
