/* SPDX-License-Identifier: MIT */
#ifndef IDL_VERSION_H
#define IDL_VERSION_H

/**
 * @file
 * The version of these headers, for C and C++; idl_version() and idl::version() tell that of the
 * library that is loaded. The build takes the project's version from here.
 */

#define IDL_VERSION_MAJOR 0 /**< may change everything */
#define IDL_VERSION_MINOR 1 /**< before 1.0: may change the interface; part of the soname */
#define IDL_VERSION_PATCH 0 /**< changes no interface */
/** One number to compare: major·10000 + minor·100 + patch. */
#define IDL_VERSION_NUMBER (IDL_VERSION_MAJOR * 10000 + IDL_VERSION_MINOR * 100 + IDL_VERSION_PATCH)

#endif
