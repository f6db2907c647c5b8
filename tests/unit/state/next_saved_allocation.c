/*
 * next_saved_allocation.c - the product's own code, compiled as an upgrade is.
 */
#define AVEDGE_NEXT_STATE
#define saved_allocation_write next_saved_allocation_write
#define saved_allocation_read next_saved_allocation_read

#include "relay/state/saved_allocation.c" // NOLINT(bugprone-suspicious-include)
