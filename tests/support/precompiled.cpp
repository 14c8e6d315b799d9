// SPDX-License-Identifier: MIT
// Gives the precompiled header of the tests a target of its own.
